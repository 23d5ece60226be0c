/** What is wrong below the messages, in the frames of WebSocket themselves (RFC 6455 5), and the codes that it costs (7.4.1). */
import fc from 'fast-check';
import { closeCodes } from '../../shared/close-codes.js';
import { MAX_FRAME_BYTES } from '../../shared/protocol.js';
import type { Frames, FuzzFrame } from './fuzz-frames.js';
import { type FrameShape, frame, opcodes } from './raw-websocket.js';

const PROTOCOL_ERROR = 1_002;
const INVALID_TEXT = 1_007;
const TOO_BIG = 1_009;

/** What bytes of any kind may come to; 1006: they were the beginning of something. */
export const endings: readonly number[] = [
  PROTOCOL_ERROR,
  INVALID_TEXT,
  TOO_BIG,
  closeCodes.badMessage,
  1_006,
];

/** Each kind with its weight. */
export function badFrames(isMasked: boolean): Frames {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some));
  const one = (shape: Omit<FrameShape, 'isMasked'>, code: FuzzFrame['code'], payload = bytes) =>
    payload.map((some) => ({
      code,
      says: 'nothing' as const,
      bytes: () => frame(some, { isMasked, ...shape }),
    }));
  const claims = fc.bigInt({ min: BigInt(MAX_FRAME_BYTES) + 1n, max: 2n ** 64n - 1n });
  return {
    'a binary frame': [2, one({ opcode: opcodes.binary }, closeCodes.badMessage)],
    'invalid UTF-8': [
      2,
      one(
        {},
        INVALID_TEXT,
        bytes.map((some) => Buffer.concat([some, Buffer.from([0xff])])),
      ),
    ],
    'said to be too big': [
      2,
      claims.map((claimedBytes) => ({
        code: TOO_BIG,
        says: 'nothing' as const,
        bytes: () => frame(Buffer.from('{'), { isMasked, claimedBytes }),
      })),
    ],
    'too big in fragments': [
      0.02,
      fc.constant({ code: TOO_BIG, says: 'nothing' as const, bytes: () => tooBig(isMasked) }),
    ],
    'reserved bits': [1, one({ reserved: 1 }, PROTOCOL_ERROR)],
    'an unknown opcode': [1, one({ opcode: 3 }, PROTOCOL_ERROR)],
    'masked as it must not be': [
      1,
      bytes.map((some) => ({
        code: PROTOCOL_ERROR,
        says: 'nothing' as const,
        bytes: () => frame(some, { isMasked: !isMasked }),
      })),
    ],
    'a ping in fragments': [1, one({ opcode: opcodes.ping, isLast: false }, PROTOCOL_ERROR)],
    'a ping that is too long': [
      1,
      one({ opcode: opcodes.ping }, PROTOCOL_ERROR, fc.constant(Buffer.alloc(126))),
    ],
    'a continuation of nothing': [1, one({ opcode: opcodes.continuation }, PROTOCOL_ERROR)],
    'a close that is none': [
      1,
      one(
        { opcode: opcodes.close },
        PROTOCOL_ERROR,
        fc.constantFrom(Buffer.from([3]), Buffer.from([3, 0xed])),
      ),
    ],
    'pings and pongs of WebSocket': [
      3,
      fc
        .boolean()
        .chain((is) =>
          one({ opcode: is ? opcodes.ping : opcodes.pong }, null, fc.constant(Buffer.from('beat'))),
        ),
    ],
    'any bytes': [
      2,
      bytes
        .filter((some) => some.length > 0)
        .map((some) => ({ code: 'some' as const, says: 'nothing' as const, bytes: () => some })),
    ],
  };
}

function tooBig(isMasked: boolean): Buffer {
  const part = Buffer.alloc(MAX_FRAME_BYTES / 4, 'x');
  const rest = Array.from({ length: 4 }, () =>
    frame(part, { isMasked, opcode: opcodes.continuation, isLast: false }),
  );
  return Buffer.concat([frame(part, { isMasked, isLast: false }), ...rest]);
}
