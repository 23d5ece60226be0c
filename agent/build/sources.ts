/**
 * Where a Dockerfile takes something from that Docker would get for anybody: images of other projects, which lie beside the own ones on the node,
 * and addresses, which Docker (unlike a step, which has the build's network) asks from the host's own network, and so on its loopback. Both are
 * refused by name before anything is built. PURE.
 *
 * It reads as widely as any of Docker's builders may: with either sign of continuation, every value that a variable is ever given, and what can't
 * be followed is refused. What it can't see: the ONBUILD of a base image.
 */
import { foreignImage } from '../../shared/foreign-image.js';
import { EngineError } from '../engine.js';

export interface Sources {
  /** The Dockerfile's. */
  text: string;
  /** Its name, for people. */
  dockerfile: string;
  project: string;
  service: string;
  args: Readonly<Record<string, string>>;
}

/** Throws an `EngineError`. */
export function refuseForeignSources(sources: Sources): void {
  for (const sign of ['\\', '`']) {
    const reason = foreignSource(sources, instructionsOf(sources.text, sign));
    if (reason !== null) throw new EngineError('refused', `${sources.dockerfile}: ${reason}`);
  }
}

type Values = Map<string, Set<string>>;
const MAX_WAYS = 200;

function foreignSource(
  { text, project, service, args }: Sources,
  instructions: readonly string[],
): string | null {
  const values: Values = new Map(Object.entries(args).map(([name, value]) => [name, new Set([value])]));
  const stages = new Set<string>();
  // Within a here-document nothing is a stage.
  const hasStages = !text.includes('<<');
  const ofImage = (word: string): string | null => {
    const ways = waysOf(word, values);
    if (ways === null) return `the image ${word} can't be followed: write it without modifiers of variables`;
    const foreign = ways.flatMap((image) => {
      if (hasStages && stages.has(image.toLowerCase())) return [];
      const of = { project, name: service, container: { image } as never };
      return foreignImage(of, (other) => other === project, null) ?? [];
    });
    return foreign[0] === undefined ? null : `the image ${foreign[0]}`;
  };
  for (const instruction of instructions) {
    const [verb, words] = verbOf(instruction);
    if (verb === 'ARG' || verb === 'ENV') learn(values, words);
    const from = words.flatMap((word) => fromIn(word) ?? []);
    const images = verb === 'FROM' ? words.filter((word) => !word.startsWith('--')).slice(0, 1) : from;
    for (const word of images) {
      const reason = ofImage(word);
      if (reason !== null) return reason;
    }
    if (verb === 'FROM') stages.add(String(stages.size)).add((words.at(-1) ?? '').toLowerCase());
    const address = verb === 'ADD' ? words.slice(0, -1).find((word) => isAddress(word, values)) : undefined;
    if (address?.includes('$'))
      return `ADD ${address} may come to an address, which Docker fetches from this host's own network: write COPY, or begin it with ./`;
    if (address !== undefined)
      return `ADD ${address} would be fetched by Docker from this host's own network: fetch it in a step (RUN curl or wget), or have it in the repository`;
  }
  return null;
}

/** One a line, as Docker joins them. */
function instructionsOf(text: string, continued: string): string[] {
  const all: string[] = [];
  let open = '';
  for (const line of text.split('\n').map((one) => one.replace(BLANK_ENDS, ''))) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.endsWith(continued)) open += line.slice(0, -1);
    else {
      all.push(open + line);
      open = '';
    }
  }
  return open === '' ? all : [...all, open];
}

const BLANK_ENDS = /^[\s\u0085]+|[\s\u0085]+$/g;

/** With the words as Docker takes them, without quotes and escapes; of ONBUILD what it begins later. */
function verbOf(instruction: string): [verb: string, words: string[]] {
  const [, verb = '', rest = ''] = /^([^\s\u0085]+)[\s\u0085]*([\s\S]*)$/.exec(instruction) ?? [];
  if (verb.toUpperCase() === 'ONBUILD') return verbOf(rest);
  const list = rest.startsWith('[') || rest.includes('["') ? listIn(rest.slice(rest.indexOf('['))) : null;
  const words = (list ? rest.slice(0, rest.indexOf('[')) : rest)
    .split(/[\s\u0085]+/)
    .filter((word) => word !== '');
  return [verb.toUpperCase(), [...words.map((word) => word.replace(/["'\\`]/g, '')), ...(list ?? [])]];
}

function listIn(text: string): string[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map(String) : null;
  } catch {
    return null;
  }
}

/** Of `--from=…`, and of `--mount=type=bind,from=…`. */
function fromIn(word: string): string | null {
  if (!word.startsWith('--')) return null;
  return /^--from=(.*)$/is.exec(word)?.[1] ?? /^--mount=(?:.*,)?from=([^,]*)/is.exec(word)?.[1] ?? null;
}

/** `A=b C=d`, or `ENV A b`. */
function learn(values: Values, words: readonly string[]): void {
  const pairs = words[0]?.includes('=') === false ? [`${words[0]}=${words.slice(1).join(' ')}`] : words;
  for (const pair of pairs) {
    const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) continue;
    const known = values.get(name) ?? new Set<string>();
    for (const way of waysOf(value, values) ?? [value]) if (known.size < MAX_WAYS) known.add(way);
    values.set(name, known);
  }
}

const VARIABLE = /\$(?:\{([A-Za-z_]\w*)(?::?([-+])([^${}]*))?\}|([A-Za-z_]\w*))/;

/** Whatever it may come to; what is given nowhere is nothing, as it is to FROM. Null: that can't be said. */
function waysOf(word: string, values: Values, unknown = ''): string[] | null {
  let ways = [word];
  for (let round = 0; round < 20; round += 1) {
    if (!ways.some((way) => way.includes('$'))) return ways;
    const next = ways.flatMap((way) => {
      const found = VARIABLE.exec(way);
      if (!found || found.index !== way.indexOf('$')) return way.includes('$') ? [null] : [way];
      const [all, braced, , instead, plain] = found;
      const known = [
        ...(values.get(braced ?? plain ?? '') ?? []),
        unknown,
        ...(instead === undefined ? [] : [instead]),
      ];
      return known.map((value) => way.slice(0, found.index) + value + way.slice(found.index + all.length));
    });
    const followed = new Set(next);
    if (followed.has(null) || followed.size > MAX_WAYS) return null;
    ways = [...followed].filter((way) => way !== null);
  }
  return null;
}

const SCHEMES = ['http://', 'https://', 'git@', 'git://', 'ssh://'];
/** What only the base image knows, whose variables go before arguments. */
const UNKNOWN = '\0';

function isAddress(word: string, values: Values): boolean {
  if (word.startsWith('--')) return false;
  const ways = waysOf(word, values, UNKNOWN);
  if (ways === null) return true;
  return ways.some((way) => {
    const at = way.indexOf(UNKNOWN);
    const begin = way.toLowerCase();
    if (at < 0) return SCHEMES.some((scheme) => begin.startsWith(scheme));
    return SCHEMES.some((scheme) => begin.startsWith(scheme) || scheme.startsWith(begin.slice(0, at)));
  });
}
