/**
 * `orca join URL --token T`: makes this host a node. It trusts the CA that the token names and no other, makes its own
 * key, and may be run again at any time: a host that is a node already stays that node, and only renews.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import type { JoinReply, JoinRequest, RenewReply } from '../../shared/api-join.js';
import { makeKey, makeSigningRequest } from '../../shared/csr.js';
import { OrcaError } from '../../shared/errors.js';
import { parseJoinToken } from '../../shared/join-token.js';
import { PROTOCOL_VERSION } from '../../shared/protocol.js';
import { cleaned } from '../clean.js';
import { createHostClient } from '../client.js';
import { type Context, optionText } from '../context.js';
import { homeOf } from '../home.js';
import { type NodeHome, type NodeSettings, openNodeHome, pendingKey, writeNodeHome } from '../join/home.js';
import { type Pinned, pinMaster } from '../join/pin.js';
import { localTime } from '../time.js';

type Wanted = Omit<NodeSettings, 'nodeId'> & { advertise: string };

export async function join(context: Context): Promise<number> {
  const url = urlOf(context.args[0] ?? '');
  const token = tokenOf(context);
  const { caFingerprint } = parseJoinToken(token);
  const place = resolve(context.io.cwd, optionText(context.options, 'home') ?? homeOf(context.io.env));
  const home = await openNodeHome(place, caFingerprint);
  const pinned = await pinMaster(url, caFingerprint);
  const wanted = wantedOf(context, url, home, pinned);
  const { reply, key } =
    (await renewed(url, home, wanted, pinned)) ?? (await joined(url, home, wanted, pinned, token));
  checkReply(reply, key);
  const settings: NodeSettings = { nodeId: reply.node_id, ...wanted };
  const isChanged = writeNodeHome(home, { ca: pinned.ca, cert: reply.certificate, key }, settings);
  tell(context, reply, { place, name: wanted.name, isChanged });
  return 0;
}

interface Certified {
  reply: RenewReply;
  key: string;
}

/** Null when this host is no node of this cluster, any more or under that name: then it needs the token. */
async function renewed(url: URL, home: NodeHome, wanted: Wanted, { ca }: Pinned): Promise<Certified | null> {
  if (home.identity === null || home.settings.name !== wanted.name) return null;
  const key = makeKey();
  try {
    const client = createHostClient(url.origin, ca, home.identity);
    return { key, reply: await client.post<RenewReply>('/nodes/renew', { csr: csrOf(wanted, key) }) };
  } catch (error) {
    if (error instanceof OrcaError && error.code === 'NODE_NOT_ENROLLED') return null;
    throw explained(error, url);
  }
}

async function joined(
  url: URL,
  home: NodeHome,
  wanted: Wanted,
  { ca }: Pinned,
  token: string,
): Promise<Certified> {
  const key = pendingKey(home);
  const body: JoinRequest = {
    token: token.trim(),
    csr: csrOf(wanted, key),
    name: wanted.name,
    address: wanted.advertise,
    protocol: PROTOCOL_VERSION,
    clock: new Date().toISOString(),
  };
  const client = createHostClient(url.origin, ca, home.identity);
  const reply = await client.post<JoinReply>('/join', body).catch((error: unknown) => {
    throw explained(error, url);
  });
  return { key, reply };
}

function wantedOf({ options, io }: Context, url: URL, { settings }: NodeHome, pinned: Pinned): Wanted {
  const docker = optionText(options, 'docker') ?? io.env.ORCA_DOCKER ?? settings.docker;
  return {
    name: optionText(options, 'name') ?? settings.name ?? hostname(),
    masterUrl: `wss://${url.host}/agent`,
    docker: docker === undefined ? 'unix:///var/run/docker.sock' : dockerOf(docker),
    advertise: optionText(options, 'advertise') ?? settings.advertise ?? pinned.localAddress,
  };
}

const dockerOf = (text: string): string => (isAbsolute(text) ? `unix://${text}` : text);

const csrOf = ({ name }: Wanted, key: string): string =>
  makeSigningRequest(name.slice(0, 64), createPrivateKey(key));

/** A certificate that is not for our key would lock the agent out; it is not written. */
function checkReply(reply: RenewReply, key: string): void {
  const isOurs = new X509Certificate(reply.certificate).checkPrivateKey(createPrivateKey(key));
  if (!isOurs) throw new OrcaError('INTERNAL', "the master's certificate is not for the key of this host");
}

/** The CA is right here, so that a certificate that does not fit is one of another name. */
function explained(error: unknown, url: URL): unknown {
  if (!(error instanceof OrcaError) || !/altnames/i.test(error.message)) return error;
  return new OrcaError(error.code, error.message, {
    cause: error,
    hint: `The master's certificate is not for ${url.hostname}: use an address of its host, or start it with --advertise ${url.hostname}.`,
  });
}

function tell(
  { output, json }: Context,
  given: RenewReply & { rejoined?: boolean },
  { place, name, isChanged }: { place: string; name: string; isChanged: boolean },
): void {
  const { node_id, cluster_name, expires_at, rejoined = true } = cleaned(given);
  if (json) {
    output.json({ node_id, name, cluster_name, expires_at, rejoined, home: place });
    return;
  }
  const until = `its certificate lasts until ${localTime(expires_at)} and renews itself`;
  output.line(
    `${name} (${node_id}) is ${rejoined ? 'still ' : ''}a node of the cluster ${cluster_name}; ${until}`,
  );
  if (rejoined && isChanged) output.note('its settings have changed: restart its agent if it runs');
  else if (!rejoined) output.note(`next: orca agent --home ${place}`);
}

function tokenOf({ options, io }: Context): string {
  const token = optionText(options, 'token') ?? io.env.ORCA_JOIN_TOKEN;
  if (token !== undefined) return token;
  throw new OrcaError('USAGE', 'orca join needs --token T (or ORCA_JOIN_TOKEN)', {
    hint: 'Make one on the master with `orca join-token create`.',
  });
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'https:') return url;
  throw new OrcaError(
    'USAGE',
    `the master's address must be such as https://host:6880; it is ${JSON.stringify(text)}`,
  );
}
