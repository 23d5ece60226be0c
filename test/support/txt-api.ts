/**
 * A provider of DNS as a test has it: an HTTP API that makes and removes TXT records for who has its token, and the DNS server of the
 * zone, which answers SOA and TXT. It hands its records on to whom the CA asks.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, decode, encode, type Packet, type TxtAnswer } from 'dns-packet';

export interface TxtApiOptions {
  /** Where it listens. */
  address: string;
  token: string;
  zone: string;
  /** Told of every change: the values of that name, which has no final dot. */
  onChange?(name: string, values: string[]): Promise<void>;
}

export interface TxtApi {
  /** For the provider. */
  server: string;
  /** `HOST:PORT` of the DNS server. */
  resolver: string;
  /** What it was asked, as `append NAME VALUE`. */
  calls: string[];
  /** The values of a name. */
  values(name: string): string[];
  /** Answers neither request until `heal`. */
  hang(): void;
  heal(): void;
  stop(): Promise<void>;
}

export async function startTxtApi(options: TxtApiOptions): Promise<TxtApi> {
  const { address, token, zone, onChange = async () => undefined } = options;
  const records = new Map<string, string[]>();
  const calls: string[] = [];
  let isHung = false;
  const http = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    if (isHung) return;
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end(`no such token: ${request.headers.authorization}`);
      return;
    }
    const verb = (request.url ?? '').slice(1);
    const { name, value } = JSON.parse(text) as { name: string; value: string };
    const key = bare(name);
    calls.push(`${verb} ${key} ${value}`);
    const others = (records.get(key) ?? []).filter((one) => one !== value);
    const values = verb === 'append' ? [...others, value] : others;
    records.set(key, values);
    await onChange(key, values);
    response.end();
  });
  const dns = createSocket('udp4');
  dns.on('message', (message, from) => {
    if (isHung) return;
    dns.send(answered(decode(message), zone, records), from.port, from.address);
  });
  http.listen(0, address);
  dns.bind(0, address);
  await Promise.all([once(http, 'listening'), once(dns, 'listening')]);
  return {
    server: `http://${address}:${(http.address() as AddressInfo).port}`,
    resolver: `${address}:${dns.address().port}`,
    calls,
    values: (name) => records.get(name) ?? [],
    hang() {
      isHung = true;
    },
    heal() {
      isHung = false;
    },
    async stop() {
      dns.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function answered(asked: Packet, zone: string, records: ReadonlyMap<string, string[]>): Buffer {
  const [question] = asked.questions ?? [];
  const name = bare(question?.name ?? '');
  const soa: Answer = {
    ...{ type: 'SOA', name: zone, ttl: 1 },
    data: {
      ...{ mname: `ns.${zone}`, rname: `root.${zone}`, serial: 1 },
      ...{ refresh: 60, retry: 60, expire: 60, minimum: 1 },
    },
  };
  const texts = (records.get(name) ?? []).map((data): TxtAnswer => ({ type: 'TXT', name, ttl: 1, data }));
  const answers = question?.type === 'SOA' && name === zone ? [soa] : question?.type === 'TXT' ? texts : [];
  return encode({
    ...{ type: 'response', id: asked.id ?? 0, questions: asked.questions ?? [], answers },
    ...{ authorities: answers.length > 0 ? [] : [soa], flags: 0x0400 },
  });
}

const bare = (name: string): string => name.replace(/\.$/, '').toLowerCase();
