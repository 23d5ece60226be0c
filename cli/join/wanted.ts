/** What `orca join` is asked for: options over variables over what this node was told before over what the host says. */
import { createPrivateKey } from 'node:crypto';
import { hostname } from 'node:os';
import { isAbsolute } from 'node:path';
import type { JoinRequest } from '../../shared/api-join.js';
import { makeSigningRequest } from '../../shared/csr.js';
import { OrcaError } from '../../shared/errors.js';
import { PROTOCOL_VERSION } from '../../shared/protocol.js';
import { type Context, optionText } from '../context.js';
import { readText } from '../secret-value.js';
import type { NodeHome, NodeSettings } from './home.js';
import type { Pinned } from './pin.js';

export type Wanted = Omit<NodeSettings, 'nodeId'> & { advertise: string };

export function wantedOf({ options, io }: Context, url: URL, { settings }: NodeHome, pinned: Pinned): Wanted {
  const docker = optionText(options, 'docker') ?? io.env.ORCA_DOCKER ?? settings.docker;
  return {
    name: optionText(options, 'name') ?? settings.name ?? hostname(),
    masterUrl: `wss://${url.host}/agent`,
    docker: docker === undefined ? 'unix:///var/run/docker.sock' : dockerOf(docker),
    advertise: optionText(options, 'advertise') ?? settings.advertise ?? pinned.localAddress,
  };
}

/** What this host says of itself when it joins, or asks whether it could. */
export const requestOf = (wanted: Wanted, key: string, token: string): JoinRequest => ({
  token: token.trim(),
  csr: csrOf(wanted, key),
  name: wanted.name,
  address: wanted.advertise,
  protocol: PROTOCOL_VERSION,
  clock: new Date().toISOString(),
});

export const csrOf = ({ name }: Wanted, key: string): string =>
  makeSigningRequest(name.slice(0, 64), createPrivateKey(key));

/** The `https:` address of a master. Throws USAGE. */
export function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'https:') return url;
  throw new OrcaError(
    'USAGE',
    `the master's address must be such as https://host:6880; it is ${JSON.stringify(text)}`,
  );
}

const MAX_TOKEN_BYTES = 1_000;

/** Of standard input, or asked for on a terminal, last: arguments are seen by everybody on this host. */
export async function tokenOf(context: Context): Promise<string> {
  const { options, io } = context;
  const file = optionText(options, 'tokenFile');
  const given =
    optionText(options, 'token') ??
    (file === undefined || file === '-' ? undefined : readText(context, file, MAX_TOKEN_BYTES)) ??
    (file === '-' ? undefined : io.env.ORCA_JOIN_TOKEN || undefined);
  const token = (given ?? (await io.readSecret('join token: '))).trim();
  if (token !== '') return token;
  throw new OrcaError(
    'USAGE',
    'orca join needs a token: standard input, --token-file, ORCA_JOIN_TOKEN or --token',
    {
      hint: 'Make one on the master with `orca join-token create`.',
    },
  );
}

const dockerOf = (text: string): string => (isAbsolute(text) ? `unix://${text}` : text);

/** The CA is right here, so that a certificate that does not fit is one of another name, or of another time. */
export function explained(error: unknown, url: URL): unknown {
  if (!(error instanceof OrcaError)) return error;
  const say = (hint: string) => new OrcaError(error.code, error.message, { cause: error, hint });
  if (/altnames/i.test(error.message))
    return say(
      `The master's certificate is not for ${url.hostname}: use an address or the name of its host, or the [cluster] domain.`,
    );
  if (/not yet valid|has expired/i.test(error.message))
    return say(`Is the clock of this host right? It says ${new Date().toISOString()}.`);
  return error;
}
