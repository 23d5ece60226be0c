/**
 * A CA on the loopback that one Caddy believes to order from (RFC 8555). It offers DNS-01 with the token of the real CA's challenge, so
 * that what Caddy has its provider show, made of that token and of the account's key, is what the real one will look for; and it
 * issues nothing. Only who knows its address gets an answer: that is in Caddy's configuration alone. It does not look at signatures.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GoBetween {
  /** URL of its directory. */
  directory: string;
  /** Resolves when Caddy says that the record is there. */
  shown: Promise<void>;
  /** Says that the record was seen, whatever the real CA found: Caddy takes it down. */
  release(): void;
  /** Resolves when Caddy wants its certificate: it has taken the record down, or said why not. */
  over: Promise<void>;
  close(): Promise<void>;
}

/** Bytes of what Caddy says at once; a request to finalize has 2,000. */
const MAX_BYTES = 65_536;

export async function startGoBetween({ name, token }: { name: string; token: string }): Promise<GoBetween> {
  const secret = randomBytes(16).toString('hex');
  const shown = signal();
  const over = signal();
  let status = 'pending';
  let base = '';
  const isWildcard = name.startsWith('*.');
  const identifier = { type: 'dns', value: isWildcard ? name.slice(2) : name };
  const challenge = () => ({
    type: 'dns-01',
    url: `${base}challenge`,
    status: status === 'pending' && shown.isDone() ? 'processing' : status,
    token,
  });
  const order = () => ({
    status: status === 'valid' ? 'ready' : status,
    identifiers: [{ type: 'dns', value: name }],
    authorizations: [`${base}authorization`],
    finalize: `${base}finalize`,
  });
  const answers: Record<string, (payload: Payload, response: ServerResponse) => void> = {
    directory: (_, response) => send(response, 200, addressesAt(base)),
    nonce: (_, response) => send(response, 200, {}),
    account: (_, response) => send(response, 200, { status: 'valid' }, `${base}account/1`),
    'account/1': (_, response) => send(response, 200, { status: 'valid' }),
    order: (_, response) => send(response, 201, order(), `${base}order/1`),
    'order/1': (_, response) => send(response, 200, order()),
    authorization(payload, response) {
      if (payload.status === 'deactivated') status = 'deactivated';
      const wildcard = isWildcard ? { wildcard: true } : {};
      send(response, 200, { status, identifier, ...wildcard, challenges: [challenge()] });
    },
    challenge(_, response) {
      shown.done();
      send(response, 200, challenge());
    },
    finalize(_, response) {
      over.done();
      const type = 'urn:ietf:params:acme:error:serverInternal';
      send(response, 403, { type, detail: 'it was the record that was wanted' });
    },
  };
  const server = createServer((request, response) => {
    const asked = (request.url ?? '').split(`/${secret}/`)[1] ?? '';
    const answer = Object.hasOwn(answers, asked) ? answers[asked] : undefined;
    if (!answer) return void response.writeHead(404).end();
    payloadOf(request)
      .then((payload) => answer(payload, response))
      .catch(() => response.writeHead(400).end());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${secret}/`;
  return {
    directory: `${base}directory`,
    shown: shown.when,
    over: over.when,
    release() {
      status = 'valid';
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const addressesAt = (base: string) => ({
  newNonce: `${base}nonce`,
  newAccount: `${base}account`,
  newOrder: `${base}order`,
});

interface Payload {
  status?: unknown;
}

/** What is signed; nothing at all where a resource is only asked for (RFC 8555, 6.3). */
async function payloadOf(request: IncomingMessage): Promise<Payload> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_BYTES) throw new Error('far too long');
  }
  if (text === '') return {};
  const { payload = '' } = JSON.parse(text) as { payload?: string };
  if (payload === '') return {};
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as Payload | null) ?? {};
}

function send(response: ServerResponse, status: number, body: object, location?: string): void {
  response.writeHead(status, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
    'replay-nonce': randomBytes(12).toString('base64url'),
    'cache-control': 'no-store',
    ...(location === undefined ? {} : { location }),
  });
  response.end(JSON.stringify(body));
}

function signal() {
  let isDone = false;
  let resolve = (): void => undefined;
  const when = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  return {
    when,
    isDone: () => isDone,
    done() {
      isDone = true;
      resolve();
    },
  };
}
