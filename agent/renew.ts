/**
 * Renews the node's certificate when two thirds of its life have passed: a new key made here, a signing request over mutual
 * TLS with the old certificate, and both put in place together. What fails is said and tried again; the old certificate
 * goes on until it expires, and then only `orca join` helps.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { dirname } from 'node:path';
import { renewReplySchema } from '../shared/api-join.js';
import { makeKey, makeSigningRequest } from '../shared/csr.js';
import { messageOf } from '../shared/errors.js';
import { type Identity, type IdentityPaths, readIdentity, writeIdentity } from '../shared/identity-files.js';
import type { Log } from '../shared/log.js';
import { type Loop, startLoop } from '../shared/loop.js';
import { pinnedName } from '../shared/pinned-name.js';

export interface RenewalOptions {
  /** `wss://HOST:PORT/agent`. */
  masterUrl: string;
  credentials: IdentityPaths;
  /** Called when another certificate is in place. */
  onRenewed: () => void;
  log: Log;
}

const LOOK_EVERY_MS = 3_600_000;
const RETRY_MS = 300_000;
const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** PURE: two thirds of its life have passed. */
export function isDue(certificate: { validFrom: string; validTo: string }, nowMs: number): boolean {
  const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return nowMs >= fromMs + ((toMs - fromMs) * 2) / 3;
}

export function startRenewal(options: RenewalOptions): Loop {
  const { credentials, log } = options;
  const pass = async (): Promise<void> => {
    const before = await readIdentity(credentials);
    if (!isDue(new X509Certificate(before.cert), Date.now())) return;
    const next = await renewed(options.masterUrl, before);
    // Somebody who joins this host anew in between has the last word.
    if ((await readIdentity(credentials)).cert !== before.cert) return;
    writeIdentity(dirname(credentials.cert), next);
    log.info({ until: new X509Certificate(next.cert).validTo }, 'the certificate of this node was renewed');
    options.onRenewed();
  };
  return startLoop(pass, {
    everyMs: LOOK_EVERY_MS,
    retryMs: RETRY_MS,
    onError: (error) => log.warn({ reason: messageOf(error) }, 'the certificate could not be renewed'),
  });
}

/** The identity with a new key; the CA and the node it names stay. */
async function renewed(masterUrl: string, before: Identity): Promise<Identity> {
  const key = makeKey();
  const { subject } = new X509Certificate(before.cert);
  const csr = makeSigningRequest(subject.replace(/^CN=/, ''), createPrivateKey(key));
  const { certificate } = renewReplySchema.parse(JSON.parse(await ask(masterUrl, { csr }, before)));
  const made = new X509Certificate(certificate);
  const isOurs =
    made.subject === subject &&
    made.checkPrivateKey(createPrivateKey(key)) &&
    made.verify(new X509Certificate(before.ca).publicKey);
  if (!isOurs) throw new Error('the certificate that the master sent is not for this node');
  return { ca: before.ca, cert: certificate, key };
}

/** The text of the answer; rejects with what the master refused. */
function ask(masterUrl: string, body: object, { ca, cert, key }: Identity): Promise<string> {
  const url = new URL('/api/v1/nodes/renew', masterUrl.replace(/^wss:/, 'https:'));
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const identity = { ca, cert, key, ...pinnedName(url.hostname) };
    const sent = request(url, { method: 'POST', headers, ...identity, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`the master answered ${response.statusCode}: ${text.slice(0, 500)}`));
      });
    });
    sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error('no answer from the master')));
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}
