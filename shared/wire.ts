/** Messages of the protocol as text, and back: what does not fit its schema is refused with the reason. */
import type { z } from 'zod';
import {
  type AgentMessage,
  agentMessageSchema,
  type MasterMessage,
  masterMessageSchema,
} from './protocol.js';

export type Decoded<T> = { ok: true; message: T } | { ok: false; reason: string };

export const decodeMasterMessage = (text: string): Decoded<MasterMessage> =>
  decode(masterMessageSchema, text);
export const decodeAgentMessage = (text: string): Decoded<AgentMessage> => decode(agentMessageSchema, text);
export const encode = (message: MasterMessage | AgentMessage): string => JSON.stringify(message);

function decode<T>(schema: z.ZodType<T>, text: string): Decoded<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, message: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'does not fit'}` };
}
