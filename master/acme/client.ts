/**
 * Orders one certificate of a CA by ACME (RFC 8555) with HTTP-01, TLS-ALPN-01 or DNS-01. Promises: an order that was begun is gone on with, by its URL; an
 * account is made once for a key; what the CA says is passed on in its own words. Takes as long as the CA does.
 */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import acme, { type Authorization, type Order } from 'acme-client';
import { type AxiosError, getAdapter } from 'axios';
import { messageOf } from '../../shared/errors.js';
import type { AcmeOrder, AcmeSettings } from './order.js';
import { AcmeFailure, CaProblem } from './problem.js';

const REQUEST_TIMEOUT_MS = 20_000;
const POLL = { backoffAttempts: 60, backoffMin: 250, backoffMax: 3_000 };
/** A nonce that was refused comes with the next (RFC 8555, 6.5). The library gives up after 5 in a row, and an order has some 10 requests: a CA that
 *  refuses every other nonce, as Pebble can, would fail every tenth order. */
const BAD_NONCES_IN_A_ROW = 30;
const ERROR = 'urn:ietf:params:acme:error:';

class NoAnswer extends Error {}

interface Problem {
  type?: string;
  detail?: string;
  subproblems?: { detail?: string }[];
}

/** Orders certificates: each with its chain, PEM. Throws AcmeFailure. Made once: it sets up the library's one HTTP client. */
export function createIssuer(): (options: AcmeOrder) => Promise<string> {
  const { axios } = acme;
  axios.defaults.timeout = REQUEST_TIMEOUT_MS;
  axios.defaults.proxy = false;
  const byHttp = getAdapter('http');
  // What has no answer at all, the library would stumble over.
  axios.defaults.adapter = (config) =>
    byHttp(config).catch((error: AxiosError) => {
      throw error.response ? error : new NoAnswer(error.message || error.code);
    });
  // Its own retries would hold a name for minutes: Orca tries again, and says so.
  const { acmeSettings = {} } = axios.defaults as { acmeSettings?: object };
  Object.assign(acmeSettings, { retryMaxAttempts: 0 });
  axios.interceptors.response.use((response) => {
    refuseProblem(response);
    return response;
  });
  return async (options) => {
    try {
      axios.defaults.httpsAgent = new Agent({ ca: rootsOf(options.settings) });
      return await ordered(options);
    } catch (error) {
      throw asFailure(error, options.settings);
    }
  };
}

/** A nonce that the CA does not take is tried again by the library; every other problem says why. */
function refuseProblem({ status, data, headers }: { status: number; data: unknown; headers: object }): void {
  const { type, detail, subproblems } = (data ?? {}) as Problem;
  if (status < 400 || !type?.startsWith(ERROR) || type === `${ERROR}badNonce`) return;
  const more = (subproblems ?? []).flatMap((one) => one.detail ?? []);
  const retryAfter = Number((headers as Record<string, unknown>)['retry-after'] ?? 0);
  const notBeforeMs = retryAfter > 0 ? Date.now() + retryAfter * 1_000 : 0;
  throw new CaProblem(type.slice(ERROR.length), [detail ?? type, ...more].join('; '), notBeforeMs);
}

async function ordered(options: AcmeOrder): Promise<string> {
  const { name, keyPem } = options;
  const client = await clientWithAccount(options);
  const { order, authorizations } = await orderOf(client, options);
  for (const authorization of authorizations) await prove(client, authorization, options);
  // The CA takes a moment to see that all of its authorizations are valid.
  const ready = order.status === 'pending' ? await client.waitForValidStatus(order) : order;
  if (ready.status !== 'ready') return await client.getCertificate({ ...ready, url: order.url });
  const [, csr] = await acme.crypto.createCsr({ commonName: shortName(name), altNames: [name] }, keyPem);
  return await client.getCertificate(await client.finalizeOrder({ ...ready, url: order.url }, csr));
}

/** A common name has 64 characters at most; without one acme-client takes the first name. */
const shortName = (name: string): string => (name.length <= 64 ? name : '');

async function clientWithAccount({ settings, account, onAccount }: AcmeOrder): Promise<acme.Client> {
  const options = {
    directoryUrl: settings.directory,
    accountKey: account.keyPem,
    ...(settings.eab ? { externalAccountBinding: { kid: settings.eab.kid, hmacKey: settings.eab.key } } : {}),
    ...POLL,
  };
  const contact = { termsOfServiceAgreed: true, contact: [`mailto:${settings.email}`] };
  if (account.url !== null) {
    const client = clientOf({ ...options, accountUrl: account.url });
    const isKnown = await client.updateAccount({}).then(
      () => true,
      (error: unknown) => {
        if (error instanceof CaProblem && error.type === 'accountDoesNotExist') return false;
        throw error instanceof CaProblem ? accountRefused(error, settings) : error;
      },
    );
    if (isKnown) return client;
  }
  // For a key that it has an account for, a CA answers with that one.
  const client = clientOf(options);
  await client.createAccount(contact);
  onAccount(client.getAccountUrl());
  return client;
}

/** Its limit is a property of the library's HTTP client, which its types do not have. */
function clientOf(options: acme.ClientOptions): acme.Client {
  const client = new acme.Client(options);
  const { http } = client as unknown as { http: { maxBadNonceRetries: number } };
  http.maxBadNonceRetries = BAD_NONCES_IN_A_ROW;
  return client;
}

/** Deactivated by its owner or revoked by the CA (RFC 8555, 7.3.6): no name gets anything by it any more. */
function accountRefused(error: CaProblem, { directory, email }: AcmeSettings): Error {
  if (error.type !== 'unauthorized') return error;
  return new AcmeFailure(
    `${new URL(directory).host} takes the account of ${email} no more (unauthorized): ${error.message}`,
    'Another acme_email in cluster.toml makes another account; then `orca reload` and `orca certs retry NAME`.',
  );
}

type Challenge = Authorization['challenges'][number];

interface Begun {
  order: Order;
  /** What is to be proved; empty: nothing any more. */
  authorizations: Authorization[];
}

async function orderOf(client: acme.Client, { name, orderUrl, onOrder }: AcmeOrder): Promise<Begun> {
  const begun = orderUrl === null ? null : await begunBefore(client, orderUrl);
  if (begun !== null) return begun;
  const order = await client.createOrder({ identifiers: [{ type: 'dns', value: name }] });
  onOrder(order.url);
  return { order, authorizations: await pendingOf(client, order) };
}

/** The order of before, where it can still come to a certificate. */
async function begunBefore(client: acme.Client, url: string): Promise<Begun | null> {
  try {
    const order = { ...(await client.getOrder({ url } as Order)), url };
    const authorizations = await pendingOf(client, order);
    const isOver = order.status === 'invalid' || authorizations.some(({ status }) => status !== 'pending');
    return isOver ? null : { order, authorizations };
  } catch (error) {
    if (error instanceof CaProblem) return null;
    throw error;
  }
}

/** Those of its authorizations that are not valid yet. */
async function pendingOf(client: acme.Client, order: Order): Promise<Authorization[]> {
  if (order.status !== 'pending') return [];
  return (await client.getAuthorizations(order)).filter(({ status }) => status !== 'valid');
}

async function prove(client: acme.Client, authorization: Authorization, options: AcmeOrder): Promise<void> {
  const challenge = authorization.challenges.find(({ type }) => type === options.way);
  if (!challenge) {
    const offered = authorization.challenges.map(({ type }) => type).join(', ');
    throw new AcmeFailure(`the CA offers no ${options.way} for this name, only ${offered}`);
  }
  const { token } = challenge as { token: string };
  try {
    await options.prove(token, await client.getChallengeKeyAuthorization(challenge));
    if (challenge.status === 'pending') await complete(client, authorization, challenge);
    await client.waitForValidStatus(challenge);
  } finally {
    await options.forget(token);
  }
}

/** A master before may have told the CA already, which has looked meanwhile: then it refuses to be told again. */
async function complete(client: acme.Client, { url }: Authorization, challenge: Challenge): Promise<void> {
  try {
    await client.completeChallenge(challenge);
  } catch (error) {
    const [now] = await client.getAuthorizations({ authorizations: [url] } as Order);
    const isTold = now?.challenges.some((one) => one.url === challenge.url && one.status !== 'pending');
    if (!isTold) throw error;
  }
}

function rootsOf({ trustedRoots }: AcmeSettings): string[] {
  return [
    ...rootCertificates,
    ...trustedRoots.map((file) => {
      try {
        return readFileSync(file, 'utf8');
      } catch (error) {
        throw new AcmeFailure(
          `[acme] trusted_roots: ${messageOf(error)}`,
          'Mend trusted_roots in cluster.toml, then `orca reload`.',
        );
      }
    }),
  ];
}

function asFailure(error: unknown, { directory, email }: AcmeSettings): AcmeFailure {
  if (error instanceof AcmeFailure) return error;
  const host = URL.canParse(directory) ? new URL(directory).host : directory;
  if (error instanceof CaProblem)
    return new AcmeFailure(`${host} refused (${error.type}): ${error.message}`, adviceOn(error.type, email), {
      notBeforeMs: error.notBeforeMs,
    });
  const message = messageOf(error);
  if (error instanceof NoAnswer)
    return new AcmeFailure(
      `the CA at ${host} can't be reached: ${message}`,
      "Nothing, if it is down: Orca tries again. Else see that the master's host gets there, and that [acme] directory is right.",
      { isGone: true },
    );
  return new AcmeFailure(`${host} said: ${message}`);
}

function adviceOn(type: string, email: string): string | null {
  switch (type) {
    case 'rateLimited':
      return 'Nothing: Orca tries again when the CA allows it.';
    case 'accountDoesNotExist':
      return `If the account of ${email} was revoked, another acme_email in cluster.toml makes a new one.`;
    case 'externalAccountRequired':
      return 'This CA wants [acme] eab_kid and eab_key in cluster.toml.';
    case 'unauthorized':
      return 'If it speaks of the account: see that [acme] eab_kid and eab_key are what this CA gave, and its own pages.';
    case 'rejectedIdentifier':
      return 'This CA does not issue for that name; bring a certificate with `orca certs add`.';
    default:
      return null;
  }
}

/** Whether a certificate that a handshake showed (DER) stands for that key authorization (RFC 8737, 3). */
export function provesInHandshake(der: Buffer, keyAuthorization: string): boolean {
  const pem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  try {
    return acme.crypto.isAlpnCertificateAuthorizationValid(pem, keyAuthorization);
  } catch {
    return false;
  }
}
