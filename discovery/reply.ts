/** The bytes of a query in, the bytes of the answer out. PURE; what is malformed gets none (null), and nothing throws. */
import dnsPacket, { type Answer } from 'dns-packet';
import { answerTo, type NameAnswer } from './names.js';
import type { Served } from './served.js';

/** Short: an address outlives its service's containers, but not a service that was removed. */
const TTL_SECONDS = 5;
const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const NOTIMP = 4;
const REFUSED = 5;

const rcodes: Record<NameAnswer['kind'], number> = {
  address: NOERROR,
  empty: NOERROR,
  unknown: NXDOMAIN,
  refused: REFUSED,
};

/** `served` null: nothing is known yet, which is no reason to say that a name does not exist. */
export function replyTo(served: Served | null, project: string | null, query: Buffer): Buffer | null {
  try {
    const packet = dnsPacket.decode(query);
    const question = packet.questions?.[0];
    if (packet.type !== 'query' || packet.questions?.length !== 1 || !question) return null;
    const flags = packet.flags ?? 0;
    const isQuery = ((flags >> 11) & 0xf) === 0;
    const answer = isQuery && served !== null ? answerTo(served, project, question) : null;
    const rcode = answer === null ? (isQuery ? SERVFAIL : NOTIMP) : rcodes[answer.kind];
    const answers: Answer[] =
      answer?.kind === 'address'
        ? [{ type: 'A', name: question.name, ttl: TTL_SECONDS, data: answer.address }]
        : [];
    const authority = rcode === REFUSED ? 0 : dnsPacket.AUTHORITATIVE_ANSWER;
    return dnsPacket.encode({
      type: 'response',
      id: packet.id ?? 0,
      flags: authority | (flags & dnsPacket.RECURSION_DESIRED) | dnsPacket.RECURSION_AVAILABLE | rcode,
      questions: [question],
      answers,
    });
  } catch {
    return null;
  }
}
