/**
 * Credentials that a URL gives anew: asked over TLS alone, with a bearer token if one was given, bounded in time and size, and no redirect is followed,
 * for the bearer is for that address. The answer is what Docker's credential helpers print (`{"Username": …, "Secret": …}`), or a token for a user that is
 * named beside the URL (`{"token": …}`, `{"access_token": …}`).
 */
import { Agent, request } from 'node:https';
import * as z from 'zod';

export interface TokenUrl {
  url: string;
  bearer: string | null;
  /** Of whom the token is; null: the answer says it. */
  username: string | null;
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 64 * 1024;

const text = z.string().min(1);
const saidSchema = z.union([
  z.object({ Username: text, Secret: text }).transform((said) => ({ ...said, token: null })),
  z.object({ access_token: text }).transform((said) => ({ token: said.access_token })),
  z.object({ token: text }),
]);

/** Rejects with what went wrong; neither the bearer, the query of the URL nor the answer is ever in it. */
export async function credentialsByUrl(
  { url, bearer, username }: TokenUrl,
  { timeoutMs = TIMEOUT_MS, ca }: { timeoutMs?: number; ca?: string } = {},
): Promise<{ username: string; password: string }> {
  const at = new URL(url);
  const bad = (what: string): Error => new Error(`${at.host} ${what}`);
  if (at.protocol !== 'https:') throw bad('is not asked without TLS');
  const { status, body } = await asked(at, bearer, timeoutMs, ca, bad);
  if (status >= 300 && status < 400)
    throw bad(`answered ${status}: a redirect, which is not followed; name its own address`);
  if (status === 401 || status === 403)
    throw bad(`answered ${status}; is what it is asked with (--bearer) still good?`);
  if (status !== 200) throw bad(`answered ${status}`);
  const said = saidSchema.safeParse(parsed(body));
  if (!said.success) throw bad('did not answer {"Username": …, "Secret": …}, nor {"token": …}');
  if (said.data.token === null && 'Username' in said.data)
    return { username: said.data.Username, password: said.data.Secret };
  if (username === null) throw bad('answered a token alone: say whose it is (--username)');
  return { username, password: said.data.token ?? '' };
}

function asked(
  at: URL,
  bearer: string | null,
  timeoutMs: number,
  ca: string | undefined,
  bad: (what: string) => Error,
): Promise<{ status: number; body: string }> {
  const headers = {
    ...{ accept: 'application/json', 'user-agent': 'orca' },
    ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
  };
  return new Promise((resolve, reject) => {
    const call = request(at, { headers, agent: new Agent({ keepAlive: false, ...(ca ? { ca } : {}) }) });
    const timer = setTimeout(
      () => call.destroy(bad(`did not answer within ${timeoutMs / 1_000} s`)),
      timeoutMs,
    );
    call.on('response', (answer) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > MAX_BYTES) call.destroy(bad('answered too much'));
      });
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }),
      );
      answer.on('error', reject);
    });
    call.on('error', (error: Error) =>
      reject(error.message.startsWith(`${at.host} `) ? error : bad(`can't be asked: ${error.message}`)),
    );
    call.on('close', () => clearTimeout(timer));
    call.end();
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
