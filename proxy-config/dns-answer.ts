/**
 * Decides what the resolver answers: the bytes of a query in, the bytes of the answer out, PURE but for a cache of what
 * it has answered already. Refuses malformed packets in silence (null) and never throws.
 */
import dnsPacket, { type Answer, type Packet, type Question } from 'dns-packet';
import type { RecordTable } from './upstreams.js';

export interface DnsAnswerer {
  /** The answer to a query as it came by `transport`, or null when there is none to give. */
  answer(query: Buffer, transport: 'tcp' | 'udp'): Buffer | null;
}

/** RFC 1035: what fits in UDP without EDNS. */
const UDP_BYTES = 512;
const CACHE_ENTRIES = 4_000;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const NOTIMP = 4;

/** Answers from one table. A null table (none known yet) gives SERVFAIL, on which Caddy uses its fallbacks. */
export function dnsAnswerer(table: RecordTable | null): DnsAnswerer {
  const cache = new Map<string, Buffer | null>();
  return {
    answer(query, transport) {
      if (query.length < 12) return null;
      const key = `${transport}${query.toString('latin1', 2)}`;
      let found = cache.get(key);
      if (found === undefined) {
        found = encodeAnswer(table, query, transport);
        if (cache.size >= CACHE_ENTRIES) cache.clear();
        cache.set(key, found);
      }
      if (found === null) return null;
      const reply = Buffer.from(found);
      query.copy(reply, 0, 0, 2);
      return reply;
    },
  };
}

function encodeAnswer(table: RecordTable | null, query: Buffer, transport: 'tcp' | 'udp'): Buffer | null {
  try {
    const packet = dnsPacket.decode(query);
    const question = packet.questions?.[0];
    if (packet.type !== 'query' || packet.questions?.length !== 1 || !question) return null;
    const isQuery = (((packet.flags ?? 0) >> 11) & 0xf) === 0;
    const { rcode, answers } = isQuery ? lookUp(table, question) : { rcode: NOTIMP, answers: [] };
    const full = encode(packet, question, rcode, answers, 0);
    if (transport === 'tcp' || full.length <= udpLimit(packet)) return full;
    return encode(packet, question, rcode, [], dnsPacket.TRUNCATED_RESPONSE);
  } catch {
    return null;
  }
}

function lookUp(table: RecordTable | null, question: Question): { rcode: number; answers: Answer[] } {
  if (table === null) return { rcode: SERVFAIL, answers: [] };
  const name = question.name.toLowerCase().replace(/\.$/, '');
  // A name of a segment that is not in the table: Caddy's config is older or newer than it. Its service answers.
  const service = name.slice(name.indexOf('.') + 1);
  const known = [name, service].find((one) => Object.hasOwn(table.srv, one));
  const records = known === undefined ? undefined : table.srv[known];
  const address = Object.hasOwn(table.hosts, name) ? table.hosts[name] : undefined;
  if (records === undefined && address === undefined) return { rcode: NXDOMAIN, answers: [] };
  if (question.type === 'SRV' && records) {
    return { rcode: 0, answers: records.map((data) => ({ type: 'SRV', name: question.name, ttl: 0, data })) };
  }
  const type = address?.includes(':') ? 'AAAA' : 'A';
  if (address !== undefined && question.type === type) {
    return { rcode: 0, answers: [{ type, name: question.name, ttl: 0, data: address }] };
  }
  return { rcode: 0, answers: [] };
}

function encode(query: Packet, question: Question, rcode: number, answers: Answer[], flags: number): Buffer {
  const recursion = (query.flags ?? 0) & dnsPacket.RECURSION_DESIRED;
  return dnsPacket.encode({
    type: 'response',
    id: 0,
    flags: dnsPacket.AUTHORITATIVE_ANSWER | recursion | flags | rcode,
    questions: [question],
    answers,
  });
}

function udpLimit(query: Packet): number {
  const edns = query.additionals?.find((extra) => extra.type === 'OPT');
  const size = edns && 'udpPayloadSize' in edns ? edns.udpPayloadSize : UDP_BYTES;
  return Math.max(UDP_BYTES, Math.min(size, 1_232));
}
