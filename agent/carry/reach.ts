/**
 * A connection to another node's images, on which that node has proved who it is before anything is asked: straight to its
 * agent, and where that can't be reached through the master, which sees nothing but TLS between the two.
 */
import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { type CarrySource, RELAY_PROTOCOL } from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import type { Identity } from '../../shared/identity-files.js';
import { reachOf } from '../../shared/inner-address.js';
import { isCurrent, nodeOfCertificate } from '../../shared/node-certificate.js';
import { pinnedName } from '../../shared/pinned-name.js';

export type Via = 'direct' | 'master';

const DIRECT_MS = 4_000;
const RELAY_MS = 12_000;

export interface Reached {
  socket: TLSSocket;
  via: Via;
}

/** Rejects with both reasons when neither way leads there. */
export async function reach(source: CarrySource, identity: Identity, masterUrl: string): Promise<Reached> {
  try {
    if (source.port === null) throw new Error('its agent could not listen for other nodes');
    return { socket: await reachDirect(source, identity), via: 'direct' };
  } catch (direct) {
    try {
      return { socket: await reachByMaster(source, identity, masterUrl), via: 'master' };
    } catch (relayed) {
      throw new Error(
        `${source.name} has it and can't be reached: ${whyNot(source, direct)}; through the master: ${messageOf(relayed)}`,
        { cause: relayed },
      );
    }
  }
}

/** At an address that leads each host to itself, whatever went wrong there says nothing of that node. */
function whyNot({ address, name }: CarrySource, direct: unknown): string {
  if (reachOf(address) !== 'own') return messageOf(direct);
  return `its address is ${address}, where every host finds itself (give \`--advertise\`, or \`[cluster] advertise\`, on ${name} the address that other nodes reach)`;
}

function reachDirect(source: CarrySource, identity: Identity): Promise<TLSSocket> {
  const { address, port } = source;
  const made = connect({ host: address, port: port ?? 0, ...ends(identity) });
  return proved(made, source, identity, DIRECT_MS, `${address}:${port}`);
}

async function reachByMaster(source: CarrySource, identity: Identity, masterUrl: string): Promise<TLSSocket> {
  const socket = await relayed(`/relay/to/${encodeURIComponent(source.node)}`, identity, masterUrl);
  return proved(connect({ socket, ...ends(identity) }), source, identity, RELAY_MS, 'the relayed connection');
}

/** A connection that the master joins with another node's. Rejects with what it refused. */
export function relayed(path: string, identity: Identity, masterUrl: string): Promise<TLSSocket> {
  const url = new URL(path, masterUrl.replace(/^wss:/, 'https:'));
  const headers = { connection: 'Upgrade', upgrade: RELAY_PROTOCOL };
  const { ca, cert, key } = identity;
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, ca, cert, key, ...pinnedName(url.hostname), agent: false });
    sent.setTimeout(RELAY_MS, () => sent.destroy(new Error('the master does not answer')));
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, 300);
      });
      response.on('end', () => reject(new Error(text.trim() || `it answered ${response.statusCode}`)));
    });
    sent.on('upgrade', (_response, socket, head) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket as TLSSocket);
    });
    sent.end();
  });
}

/** Both ends show a node's certificate. Whose it is is judged here, by node and not by host (`shared/node-certificate`). */
const ends = ({ cert, key }: Identity) => ({
  ...{ cert, key, rejectUnauthorized: false, minVersion: 'TLSv1.3' as const, ALPNProtocols: ['http/1.1'] },
});

function proved(
  socket: TLSSocket,
  source: CarrySource,
  { ca }: Identity,
  withinMs: number,
  where: string,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: Error): void => {
      clearTimeout(late);
      socket.destroy();
      reject(new Error(reason, { cause }));
    };
    const closed = (): void => fail(`${where} was closed`);
    const late = setTimeout(() => fail(`no answer from ${where} within ${withinMs / 1_000} s`), withinMs);
    // Stays: what breaks later is told to whoever reads.
    socket.on('error', (error) => fail(messageOf(error), error));
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      clearTimeout(late);
      socket.off('close', closed);
      const certificate = socket.getPeerX509Certificate();
      const isIt =
        certificate !== undefined &&
        nodeOfCertificate(certificate, new X509Certificate(ca)) === source.node &&
        isCurrent(certificate, Date.now());
      if (isIt) resolve(socket);
      else fail(`who answers at ${where} has not proved to be ${source.name}`);
    });
  });
}
