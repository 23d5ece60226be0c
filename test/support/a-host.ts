/** A host that joins a test's master over real HTTPS: the words it says by itself, changed as a test wants. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JoinReply, JoinTokenCreated } from '../../shared/api-join.js';
import { makeKey, makeSigningRequest } from '../../shared/csr.js';
import { PROTOCOL_VERSION } from '../../shared/protocol.js';
import { request } from './https-request.js';
import type { TestMaster } from './test-master.js';

export interface Credentials {
  key: string;
  cert: string;
}

export const csrOf = (key: string): string => makeSigningRequest('a-host', createPrivateKey(key));

/** The text of a new join token. */
export async function tokenOf(m: TestMaster, body: object = {}): Promise<string> {
  return ((await m.api('POST', '/join-tokens', body)).json as JoinTokenCreated).token;
}

/** One request without a bearer token; `credentials` is the client certificate that the connection shows. */
export async function askAsHost(m: TestMaster, path: string, body: unknown, credentials?: Credentials) {
  const answer = await request(
    {
      host: '127.0.0.1',
      port: m.port,
      path: `/api/v1${path}`,
      method: 'POST',
      ca: readFileSync(join(m.home, 'ca.pem')),
      headers: { 'content-type': 'application/json' },
      agent: false,
      ...credentials,
    },
    JSON.stringify(body),
  );
  return { status: answer.status, json: JSON.parse(answer.body) };
}

/** What a host says that joins. */
export const joinBody = (token: string, key: string, more: object = {}): object => ({
  token,
  csr: csrOf(key),
  name: 'worker-1',
  address: '127.0.0.1',
  protocol: PROTOCOL_VERSION,
  clock: new Date().toISOString(),
  ...more,
});

/** Joins as a host that makes its own key; `before` is the certificate that it has already. */
export async function joined(
  m: TestMaster,
  more: object = {},
  before?: Credentials,
): Promise<{ reply: JoinReply } & Credentials> {
  const key = makeKey();
  const { status, json } = await askAsHost(m, '/join', joinBody(await tokenOf(m), key, more), before);
  if (status !== 200) throw new Error(`the join was refused: ${JSON.stringify(json)}`);
  return { reply: json, key, cert: json.certificate };
}
