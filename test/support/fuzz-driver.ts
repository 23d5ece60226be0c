/** Sends bursts into a live program and holds it to the verdict of each; counts what was sent by kind and by code. */
import { endings } from './fuzz-bytes.js';
import { type Burst, burstsOf, type Sender, textFrame, verdictOf } from './fuzz-frames.js';
import { frame, opcodes, type RawEnd } from './raw-websocket.js';
import { waitFor } from './wait-for.js';

export interface FuzzCount {
  frames: number;
  kinds: Map<string, number>;
  /** By code; `goes on` for bursts that it must survive. */
  codes: Map<string, number>;
}

export interface FuzzOptions {
  sender: Sender;
  seed: number;
  /** So many frames in all. */
  frames: number;
  /** Conversations at once. */
  lanes: number;
  /** A new connection, with nothing said on it by this side. */
  open: (lane: number) => Promise<RawEnd>;
  /** What must be said first, as JSON; null: nothing, or the other side begins. */
  hello: string | null;
}

const BATCH = 100;
const PATIENCE_MS = 20_000;

/** Throws with the burst when the other side does anything else than it should. */
export async function fuzz(options: FuzzOptions): Promise<FuzzCount> {
  const { sender, seed, frames, lanes } = options;
  const count: FuzzCount = { frames: 0, kinds: new Map(), codes: new Map() };
  const bursts = burstsOf(sender);
  let waiting: Burst[] = [];
  let batches = 0;
  const next = (): Burst | undefined => {
    if (count.frames >= frames) return undefined;
    if (waiting.length === 0) waiting = bursts(seed + batches++, BATCH);
    const burst = waiting.pop();
    for (const { kind } of burst?.frames ?? []) add(count.kinds, kind);
    count.frames += burst?.frames.length ?? 0;
    return burst;
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => converse(options, lane, next, count)));
  return count;
}

async function converse(
  { sender, open, hello }: FuzzOptions,
  lane: number,
  next: () => Burst | undefined,
  { codes }: FuzzCount,
): Promise<void> {
  let end: RawEnd | null = null;
  let isSaid = hello === null;
  let pings = 0;
  for (let burst = next(); burst; burst = next()) {
    if (!end) {
      end = await open(lane);
      isSaid = hello === null;
    }
    if (!isSaid && burst.isIntroduced && hello !== null) {
      end.write(textFrame(sender, hello));
      isSaid = true;
    }
    const verdict = verdictOf(burst, isSaid);
    isSaid = verdict.isSaid;
    const { code } = verdict;
    for (const { bytes } of burst.frames) end.write(bytes());
    if (code === null && !burst.isCutShort) {
      pings += 1;
      await answered(end, sender, 1_000_000 + pings, burst);
      add(codes, 'goes on');
      continue;
    }
    if (code === null) end.write(cutShort(sender));
    if (code === null || code === 'some') end.end();
    const seen = await closing(end, burst);
    const wanted = code === null ? [1_006] : code === 'some' ? endings : [code];
    if (!wanted.includes(seen)) throw new Error(`closed with ${seen}, not ${wanted}: ${told(burst)}`);
    add(codes, String(seen));
    end.write(frame(Buffer.alloc(0), { opcode: opcodes.close, isMasked: sender === 'agent' }));
    end.end();
    end = null;
  }
  end?.destroy();
}

/** It reads on, and what it was asked last it answers. */
async function answered(end: RawEnd, sender: Sender, number: number, burst: Burst): Promise<void> {
  end.write(textFrame(sender, JSON.stringify({ type: 'ping', number })));
  const pong = `{"type":"pong","number":${number}}`;
  for (;;) {
    if (end.texts().includes(pong)) return;
    const code = end.closed();
    if (code !== null) throw new Error(`closed with ${code}, and should go on: ${told(burst)}`);
    await within(end.news(), burst);
  }
}

async function closing(end: RawEnd, burst: Burst): Promise<number> {
  for (;;) {
    const code = end.closed();
    if (code !== null) return code;
    end.texts();
    await within(end.news(), burst);
  }
}

async function within(news: Promise<void>, burst: Burst): Promise<void> {
  let isThere = false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([
    news.then(() => {
      isThere = true;
    }),
    late,
  ]);
  clearTimeout(timer);
  if (!isThere) throw new Error(`silence after ${told(burst)}`);
}

/** More is announced than comes. */
const cutShort = (sender: Sender): Buffer =>
  frame(Buffer.from('{"type":'), { isMasked: sender === 'agent', claimedBytes: 100n });

const add = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

const told = ({ frames }: Burst): string =>
  frames
    .map(
      ({ kind, code, bytes }) =>
        `${kind} (${code}) ${JSON.stringify(bytes().subarray(0, 300).toString('latin1'))}`,
    )
    .join('\n  ')
    .slice(0, 6_000);

/** How far a process is from where it was. */
export async function settles(what: string, look: () => boolean): Promise<void> {
  await waitFor(what, look, { timeoutMs: 20_000, everyMs: 100 });
}
