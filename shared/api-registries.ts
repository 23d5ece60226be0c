/** Bodies of the HTTP API about registries. A password goes in; none ever comes out. */
import * as z from 'zod';

const MAX_PASSWORD_BYTES = 16 * 1024;

/** What is wrong with it is said without it. */
const password = z.custom<string>(
  (given) => typeof given === 'string' && given !== '' && Buffer.byteLength(given) <= MAX_PASSWORD_BYTES,
  `must be text of 1 to ${MAX_PASSWORD_BYTES} bytes`,
);

export const registryLoginSchema = z.object({
  host: z.string().min(1).max(255),
  username: z.string().min(1).max(255).optional(),
  password: password.optional(),
  /** In their place: a program on the master's host, and its arguments, that gives both anew. */
  command: z.array(z.string().min(1).max(1_000)).min(1).max(30).optional(),
  /** Or an https URL that gives them anew, with a `bearer` to ask it; then `username` is whose a token alone is. */
  token_url: z.string().max(2_000).optional(),
  bearer: password.optional(),
});
export type RegistryLogin = z.infer<typeof registryLoginSchema>;

export const registryViewSchema = z.object({
  host: z.string(),
  /** Null: `command` or `token_url` gives it. */
  username: z.string().nullable(),
  command: z.array(z.string()).nullable(),
  /** Without its query. */
  token_url: z.string().nullable(),
  set_at: z.string(),
  by: z.string(),
  /** `project/name` of the services whose images are there. */
  used_by: z.array(z.string()),
});
export const registriesReplySchema = z.object({ registries: z.array(registryViewSchema) });
export type RegistriesReply = z.infer<typeof registriesReplySchema>;

export const registryChangedSchema = z.object({ ok: z.string() });
export type RegistryChanged = z.infer<typeof registryChangedSchema>;
