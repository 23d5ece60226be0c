/**
 * Where a Dockerfile takes something from that Docker would get for anybody: images of other projects, which lie beside the own ones on the node,
 * and addresses, which Docker (unlike a step, which has the build's network) asks from the host's own network, and so on its loopback. Both are
 * refused by name before anything is built. PURE.
 *
 * It reads as widely as any of Docker's builders may: with either sign of continuation, with and without the blanks that a continued line begins with, every value that a variable is ever given, and what can't
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
  for (const sign of ['\\', '`'])
    for (const keepsBlanks of [true, false]) {
      const reason = foreignSource(sources, instructionsOf(sources.text, sign, keepsBlanks));
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
  let stageCount = 0;
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
    if (verb === 'FROM') {
      stages.add(String(stageCount)).add((words.at(-1) ?? '').toLowerCase());
      stageCount += 1;
    }
    if (verb === 'ADD' && /\\u/i.test(instruction))
      return "ADD with \\u may come to an address, which Docker fetches from this host's own network: write the characters themselves";
    const address =
      verb === 'ADD'
        ? [...words.slice(0, -1), ...listed(instruction).slice(0, -1)].find((word) => isAddress(word, values))
        : undefined;
    if (address?.includes('$'))
      return `ADD ${address} may come to an address, which Docker fetches from this host's own network: write COPY, or begin it with ./`;
    if (address !== undefined)
      return `ADD ${address} would be fetched by Docker from this host's own network: fetch it in a step (RUN curl or wget), or have it in the repository`;
  }
  return null;
}

/** One a line, as Docker joins them: a line that goes on one before it begins with its blanks. */
function instructionsOf(text: string, continued: string, keepsBlanks: boolean): string[] {
  const all: string[] = [];
  let open = '';
  for (const whole of text.split('\n')) {
    const line = withoutBlanks(whole);
    if (line === '' || line.startsWith('#')) continue;
    const own = open !== '' && keepsBlanks && line[0] !== whole[0] ? ` ${line}` : line;
    if (line.endsWith(continued)) open += own.slice(0, -1);
    else {
      all.push(open + own);
      open = '';
    }
  }
  return open === '' ? all : [...all, open];
}

const BLANK = /[\s\u0085]/;

/** In one go: a pattern that asks for blanks at the end looks at each run of them from each of its places. */
function withoutBlanks(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && BLANK.test(text[from] ?? '')) from += 1;
  while (to > from && BLANK.test(text[to - 1] ?? '')) to -= 1;
  return text.slice(from, to);
}

/** What may be in a list of JSON, which Docker reads to its end whatever comes after it. */
const listed = (instruction: string): string[] =>
  instruction.includes('[')
    ? instruction
        .replace(/["'\\`]/g, '')
        .split(/[\s\u0085,[\]]+/)
        .filter((word) => word !== '')
    : [];

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
/** As ssh has it, which BuildKit takes for a repository, whoever the user (its util/sshutil, 0.8 to 0.33). A folder of that name is written with `./`. */
const USER_AT_HOST = /^[^/@]*@[^/:]*:/;
/** What only the base image knows, whose variables go before arguments. */
const UNKNOWN = '\0';

function isAddress(word: string, values: Values): boolean {
  if (word.startsWith('--')) return false;
  const ways = waysOf(word, values, UNKNOWN);
  if (ways === null) return true;
  return ways.some((way) => {
    const at = way.indexOf(UNKNOWN);
    const begin = way.toLowerCase();
    if (USER_AT_HOST.test(begin)) return true;
    if (at < 0) return SCHEMES.some((scheme) => begin.startsWith(scheme));
    return SCHEMES.some((scheme) => begin.startsWith(scheme) || scheme.startsWith(begin.slice(0, at)));
  });
}
