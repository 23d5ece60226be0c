/**
 * Frames that should not be, among sound ones, each with what docs/protocol.md says it costs. All of it follows from a seed.
 * The session's rules (hello first, and once) are counted in by `verdictOf`.
 */
import fc from 'fast-check';
import { closeCodes } from '../../shared/close-codes.js';
import { type AgentMessage, type MasterMessage, PROTOCOL_VERSION } from '../../shared/protocol.js';
import { type Decoded, decodeAgentMessage, decodeMasterMessage } from '../../shared/wire.js';
import { badFrames } from './fuzz-bytes.js';
import { agentMessages, hello, masterMessages } from './fuzz-messages.js';
import { frame, opcodes } from './raw-websocket.js';

export interface FuzzFrame {
  kind: string;
  bytes: () => Buffer;
  /** What it closes the session with; null: the session goes on; `some`: it ends, if it ends, with any of `endings`. */
  code: number | null | 'some';
  /** What of the conversation it is: only `hello` may come first, and beats may come at any time. */
  says: 'hello' | 'beat' | 'message' | 'nothing';
}

/** Sent together; a receiver that closes at one of them must not look at those behind it. */
export interface Burst {
  frames: FuzzFrame[];
  /** Before anything of it a hello is said, if none was. */
  isIntroduced: boolean;
  /** The connection ends behind it without a close, in the middle of a frame. */
  isCutShort: boolean;
}

export type Sender = 'agent' | 'master';

/** What `sender` might send: `amount` bursts, which are those of `seed`. */
export function burstsOf(sender: Sender): (seed: number, amount: number) => Burst[] {
  const burst = fc.record({
    frames: fc.array(framesOf(sender), { minLength: 1, maxLength: 40 }),
    isIntroduced: fc.integer({ min: 0, max: 9 }).map((chance) => chance > 0),
    isCutShort: fc.integer({ min: 0, max: 19 }).map((chance) => chance === 0),
  });
  return (seed, amount) => fc.sample(burst, { seed, numRuns: amount });
}

/** The code that a burst ends a session with (null: none), and whether a hello was said when it is over. */
export function verdictOf(burst: Burst, wasSaid: boolean): { code: FuzzFrame['code']; isSaid: boolean } {
  let isSaid = wasSaid;
  for (const { code, says } of burst.frames) {
    if (says === 'hello' && isSaid) return { code: closeCodes.badMessage, isSaid };
    if (says === 'message' && !isSaid && code === null) return { code: closeCodes.badMessage, isSaid };
    if (code !== null) return { code, isSaid };
    if (says === 'hello') isSaid = true;
  }
  return { code: null, isSaid };
}

export const textFrame = (sender: Sender, text: string): Buffer =>
  frame(Buffer.from(text), { isMasked: sender === 'agent' });

interface Side {
  sender: Sender;
  isMasked: boolean;
  messages: fc.Arbitrary<AgentMessage | MasterMessage>;
  decode: (text: string) => Decoded<AgentMessage | MasterMessage>;
}

function framesOf(sender: Sender): fc.Arbitrary<FuzzFrame> {
  const side: Side = {
    sender,
    isMasked: sender === 'agent',
    messages: sender === 'agent' ? agentMessages : masterMessages,
    decode: sender === 'agent' ? decodeAgentMessage : decodeMasterMessage,
  };
  return fc.oneof(
    ...Object.entries({ ...soundTexts(side), ...badTexts(side), ...badFrames(side.isMasked) }).map(
      ([kind, [weight, arbitrary]]) => ({
        weight: Math.round(weight * 100),
        arbitrary: arbitrary.map((one) => ({ kind, ...one })),
      }),
    ),
  );
}

export type Frames = Record<string, [weight: number, fc.Arbitrary<Omit<FuzzFrame, 'kind'>>]>;

/** Those that are repeated, late or about nothing that there is are sound too: numbers and ids are few. */
function soundTexts(side: Side): Frames {
  const json = (arbitrary: fc.Arbitrary<unknown>) =>
    arbitrary.map((message) => text(side, JSON.stringify(message)));
  return {
    'repeated, stale or out of order': [60, json(side.messages)],
    ...(side.sender === 'agent' ? { 'another hello': [2, json(hello)] as Frames[string] } : {}),
    'unknown fields': [10, json(side.messages.map((one) => ({ ...one, more: { of: ['it'] } })))],
    'names of prototypes': [10, side.messages.map((one) => text(side, withPrototypes(JSON.stringify(one))))],
    'deep in an unknown field': [
      1,
      fc.tuple(side.messages, depth).map(([one, n]) => text(side, behind(JSON.stringify(one), nested(n)))),
    ],
    'deep in a known field': [1, depth.map((n) => text(side, deepOrigin(side.sender, nested(n))))],
    'a huge string': [0.2, fc.integer({ min: 1e5, max: 2e6 }).map((n) => text(side, hugeOf(side.sender, n)))],
    'in fragments': [
      5,
      fc.tuple(side.messages, fc.nat()).map(([one, at]) => fragments(side, JSON.stringify(one), at)),
    ],
  };
}

/** Not what `shared/protocol` says. Of what is only changed a little, the schema says whether it fits. */
function badTexts(side: Side): Frames {
  const refused = (arbitrary: fc.Arbitrary<string>) =>
    arbitrary.map((one) => ({ ...text(side, one), code: closeCodes.badMessage }));
  const sound = side.messages.map((one) => JSON.stringify(one));
  return {
    'no JSON': [2, refused(fc.string({ unit: 'binary' }).map((one) => `${one}}`))],
    'cut off': [3, refused(fc.tuple(sound, fc.nat()).map(([one, at]) => one.slice(0, at % one.length)))],
    'any JSON': [2, refused(fc.json({ maxDepth: 4 }))],
    'an unknown type': [
      2,
      refused(
        fc
          .tuple(sound, fc.constantFrom('dance', '__proto__', '', 'Status'))
          .map(([one, type]) => JSON.stringify({ ...JSON.parse(one), type })),
      ),
    ],
    'only depth': [0.5, refused(depth.map((n) => '['.repeat(n)))],
    'wide letters in the reason': [
      1,
      refused(fc.integer({ min: 1, max: 300 }).map((n) => wide(side.sender, n))),
    ],
    'a field missing or of another type': [
      8,
      fc.tuple(side.messages, fc.nat(), wrong).map(([one, at, value]) => text(side, spoilt(one, at, value))),
    ],
  };
}

function text({ sender, decode }: Side, json: string): Omit<FuzzFrame, 'kind'> {
  const decoded = decode(json);
  const bytes = () => textFrame(sender, json);
  if (!decoded.ok) return { code: closeCodes.badMessage, says: 'message', bytes };
  const { message } = decoded;
  if (message.type === 'ping' || message.type === 'pong') return { code: null, says: 'beat', bytes };
  if (message.type !== 'hello') return { code: null, says: 'message', bytes };
  return {
    code: message.protocol === PROTOCOL_VERSION ? null : closeCodes.versionMismatch,
    says: 'hello',
    bytes,
  };
}

const depth = fc.constantFrom(10, 1_000, 5_000, 50_000);
const nested = (n: number): string => `${'['.repeat(n)}${']'.repeat(n)}`;
const behind = (json: string, value: string): string => json.replace(/\}$/, `,"more":${value}}`);
const withPrototypes = (json: string): string =>
  behind(json, '0').replace(/\{/g, '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},');

/** In the one field of each side that takes anything. */
function deepOrigin(sender: Sender, value: string): string {
  const assignment = `{"type":"assignment","cluster":"c","revision":1,"allocations":[],"images":[],"keep":[],"ingress":{"a":${value}}}`;
  if (sender === 'master') return assignment;
  return `{"type":"recalled","id":"recall-1","problem":null,"assignment":${assignment},"containers":[],"labelled":[],"observed":[]}`;
}

function hugeOf(sender: Sender, length: number): string {
  const huge = 'x'.repeat(length);
  const agent = { type: 'receipt', revision: 1, accepted: false, reason: huge };
  return JSON.stringify(sender === 'agent' ? agent : { type: 'recall', id: huge, cluster: 'c' });
}

/** The place of the fault is in the reason of the close, which has room for 123 bytes. */
function wide(sender: Sender, length: number): string {
  const assignment = JSON.parse(deepOrigin('master', '1'));
  const spoiltOne = { ...assignment, counters: { ['é'.repeat(length)]: 'many' } };
  const recalled = { ...JSON.parse(deepOrigin('agent', '1')), assignment: spoiltOne };
  return JSON.stringify(sender === 'agent' ? recalled : spoiltOne);
}

const wrong = fc.constantFrom<unknown>(undefined, null, 'text', -1, 1.5, 1e300, true, [], {}, [[]], { a: 1 });

/** One of all the places of a message, at any depth, is something else; `undefined`: is not there. */
function spoilt(message: object, at: number, value: unknown): string {
  const copy = JSON.parse(JSON.stringify(message));
  const places = placesIn(copy);
  const place = places[at % places.length];
  if (place) place.holder[place.key] = value;
  return JSON.stringify(copy);
}

function placesIn(holder: Record<string, unknown>): { holder: Record<string, unknown>; key: string }[] {
  return Object.entries(holder).flatMap(([key, value]) => [
    { holder, key },
    ...(value !== null && typeof value === 'object' ? placesIn(value as Record<string, unknown>) : []),
  ]);
}

function fragments(side: Side, json: string, at: number): Omit<FuzzFrame, 'kind'> {
  const whole = Buffer.from(json);
  const { isMasked } = side;
  const middle = at % whole.length;
  const bytes = () =>
    Buffer.concat([
      frame(whole.subarray(0, middle), { isMasked, isLast: false }),
      frame(Buffer.from('beat'), { isMasked, opcode: opcodes.ping }),
      frame(whole.subarray(middle), { isMasked, opcode: opcodes.continuation }),
    ]);
  return { ...text(side, json), bytes };
}
