/**
 * The process behind load.ts: it sends, counts and reports. Each kind is a function that does one request (or holds one
 * stream) and throws when anything about it is not as it must be; `runner` repeats it and keeps the account.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadCount, LoadKind, LoadOptions, LoadReport } from './load.js';
import { type Context, eventStream, type Once, requestOptions, webSocket } from './load-streams.js';

interface Kind {
  /** Between two requests of one client. */
  thinkMs: () => number;
  client: (context: Context) => Once;
}

const kinds: Record<LoadKind, Kind> = {
  busy: { thinkMs: () => 10, client: (context) => keepAlive(context, '/') },
  think: {
    thinkMs: () => 200 + Math.random() * 1_300,
    client: (context) => keepAlive(context, '/'),
  },
  slow: { thinkMs: () => 10, client: (context) => keepAlive(context, '/slow?ms=1500') },
  fresh: { thinkMs: () => 50, client: fresh },
  post: { thinkMs: () => 50, client: post },
  http2: { thinkMs: () => 25, client: http2Streams },
  sse: { thinkMs: () => 10, client: eventStream },
  socket: { thinkMs: () => 10, client: webSocket },
};

function main(): void {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const report: LoadReport = { counts: {}, releases: {}, cuts: [], failed: 0, sent: 0 };
  let running: Promise<unknown> = Promise.resolve();
  process.on('message', (message: { type: string; options: LoadOptions }) => {
    if (message.type === 'start') {
      running = start({ options: message.options, report, stopping: stop.signal });
    } else if (message.type === 'report') {
      process.send?.({ type: 'report', report });
    } else {
      stop.abort();
      void running.then(() => process.send?.({ type: 'stop', report }));
    }
  });
  process.on('disconnect', () => process.exit(0));
}

async function start(context: Context): Promise<void> {
  const runners: Promise<void>[] = [];
  for (const [kind, count] of Object.entries(context.options.mix) as [LoadKind, number][]) {
    context.report.counts[kind] = { sent: 0, ok: 0, failed: 0, reasons: {} };
    for (let index = 0; index < count; index += 1) runners.push(runner(kind, context));
  }
  const began = setInterval(() => {
    if (!Object.values(context.report.counts).every((count) => count.sent > 0)) return;
    clearInterval(began);
    process.send?.({ type: 'started' });
  }, 50);
  await Promise.all(runners);
  clearInterval(began);
}

async function runner(kind: LoadKind, context: Context): Promise<void> {
  const { thinkMs, client } = kinds[kind];
  const once = client(context);
  const count = context.report.counts[kind] as LoadCount;
  while (!context.stopping.aborted) {
    count.sent += 1;
    context.report.sent += 1;
    try {
      await once();
      count.ok += 1;
    } catch (error) {
      const reason = reasonOf(error);
      count.failed += 1;
      context.report.failed += 1;
      count.reasons[reason] = (count.reasons[reason] ?? 0) + 1;
    }
    await pause(thinkMs());
  }
}

function keepAlive(context: Context, path: string): Once {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  return async () => {
    const { body } = await request(context, { path, agent });
    if (body.length === 0) throw new Error('an empty body');
  };
}

function fresh(context: Context): Once {
  return async () => {
    await request(context, { path: '/', agent: false, headers: { connection: 'close' } });
  };
}

function post(context: Context): Once {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  return async () => {
    const sent = randomBytes(20_000);
    const { body } = await request(context, { path: '/echo', method: 'POST', agent }, sent);
    const got = JSON.parse(body).sha256;
    if (got !== createHash('sha256').update(sent).digest('hex')) throw new Error('another body arrived');
  };
}

/** Each client is one session with streams one after the other; a session that the server closes well is opened anew. */
function http2Streams(context: Context): Once {
  let session: http2.ClientHttp2Session | null = null;
  return async () => {
    if (!session || session.closed || session.destroyed) session = openSession(context);
    const status = await stream(session, context);
    if (status !== 200) throw new Error(`status ${status}`);
    if (context.stopping.aborted) session.close();
  };
}

function openSession({ options: { target } }: Context): http2.ClientHttp2Session {
  const authority = `https://${target.address}:${target.port}`;
  const session = http2.connect(authority, { ca: target.caPem, servername: target.domain });
  session.on('error', () => session.destroy());
  return session;
}

function stream(session: http2.ClientHttp2Session, context: Context): Promise<number> {
  return new Promise((resolve, reject) => {
    const { domain, port } = context.options.target;
    const request = session.request({ ':path': '/', ':authority': `${domain}:${port}` });
    request.setTimeout(30_000, () => request.close(http2.constants.NGHTTP2_CANCEL));
    request.on('response', (headers) => {
      note(context, headers['x-release']);
      request.resume();
      request.on('end', () => resolve(Number(headers[':status'])));
    });
    request.on('error', reject);
    request.on('close', () => reject(new Error(`stream closed (${request.rstCode})`)));
    request.end();
  });
}

function request(
  context: Context,
  options: https.RequestOptions,
  body?: Buffer,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = https.request(requestOptions(context, options), (response) => {
      note(context, response.headers['x-release']);
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        else resolve({ status: 200, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    sent.setTimeout(30_000, () => sent.destroy(new Error('no answer within 30 s')));
    sent.on('error', reject);
    sent.end(body);
  });
}

function note({ report }: Context, release: string | string[] | undefined): void {
  const key = String(release);
  report.releases[key] = (report.releases[key] ?? 0) + 1;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return code ?? message;
}

main();
