/**
 * `orca join URL --token T`: makes this host a node, once everything that must hold does. It trusts the CA that the token
 * names and no other, makes its own key, and may be run again at any time: a host that is a node already stays that node,
 * and only renews. `--check` stops before anything is changed; `--ready` waits for the agent's session.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import type { JoinReply, RenewReply } from '../../shared/api-join.js';
import { makeKey } from '../../shared/csr.js';
import { OrcaError } from '../../shared/errors.js';
import { parseJoinToken } from '../../shared/join-token.js';
import { cleaned } from '../clean.js';
import { createHostClient } from '../client.js';
import { type Context, optionText } from '../context.js';
import { homeOf } from '../home.js';
import {
  agentFolder,
  type NodeHome,
  type NodeSettings,
  openNodeHome,
  pendingKey,
  writeNodeHome,
} from '../join/home.js';
import { type Pinned, pinMaster } from '../join/pin.js';
import { preflight, refuseFailed } from '../join/preflight.js';
import { waitUntilReady } from '../join/ready.js';
import { csrOf, explained, requestOf, tokenOf, urlOf, type Wanted, wantedOf } from '../join/wanted.js';
import { localTime } from '../time.js';

export async function join(context: Context): Promise<number> {
  const { options, io } = context;
  const url = urlOf(context.args[0] ?? '');
  const place = resolve(io.cwd, optionText(options, 'home') ?? homeOf(io.env));
  if (options.ready === true) return await ready(context, url, place);
  const token = await tokenOf(context);
  const { caFingerprint } = parseJoinToken(token);
  const home = await openNodeHome(place, caFingerprint);
  const pinned = await pinMaster(url, caFingerprint);
  const wanted = wantedOf(context, url, home, pinned);
  const withoutDocker = options.dockerLater === true;
  const checks = await preflight({ url, place, home, pinned, wanted, token, withoutDocker });
  refuseFailed(checks);
  if (options.check === true) {
    for (const { name, found } of cleaned(checks)) context.output.line(`ok   ${name.padEnd(8)}  ${found}`);
    return 0;
  }
  const { reply, key } =
    (await renewed(url, home, wanted, pinned)) ?? (await joined(url, home, wanted, pinned, token));
  checkReply(reply, key);
  const settings: NodeSettings = { nodeId: reply.node_id, ...wanted };
  const isChanged = writeNodeHome(home, { ca: pinned.ca, cert: reply.certificate, key }, settings);
  tell(context, reply, { place, name: wanted.name, isChanged });
  return 0;
}

async function ready({ io, output, json }: Context, url: URL, place: string): Promise<number> {
  const interrupted = new AbortController();
  const undo = io.onInterrupt(() => interrupted.abort());
  const node = await waitUntilReady(url, agentFolder(place), interrupted.signal).finally(undo);
  if (json) output.json(node);
  else
    output.line(
      `${node.name} (${node.node_id}) is ${node.state}: its agent has a session with ${url.origin}`,
    );
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
  const client = createHostClient(url.origin, ca, home.identity);
  const reply = await client
    .post<JoinReply>('/join', requestOf(wanted, key, token))
    .catch((error: unknown) => {
      throw explained(error, url);
    });
  return { key, reply };
}

/** A certificate that is not for our key would lock the agent out; it is not written. */
function checkReply(reply: RenewReply, key: string): void {
  const isOurs = new X509Certificate(reply.certificate).checkPrivateKey(createPrivateKey(key));
  if (!isOurs) throw new OrcaError('INTERNAL', "the master's certificate is not for the key of this host");
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
