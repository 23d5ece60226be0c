/** A real master in this process, in a home of its own, on a port of its own, without a local agent. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Master, type MasterOptions, startMaster } from '../../master/main.js';
import { type Answer, request } from './https-request.js';

export interface TestMaster {
  readonly home: string;
  readonly port: number;
  readonly master: Master;
  api(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer & { json: unknown }>;
  /** Ends it and starts it again in the same home. */
  restart(options?: MasterOptions): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one; `toml` is its cluster.toml. */
export async function testMaster(options: MasterOptions & { toml?: string } = {}): Promise<TestMaster> {
  const home = mkdtempSync(join(tmpdir(), 'orca-master-'));
  mkdirSync(home, { recursive: true });
  const { toml = '', ...rest } = options;
  writeFileSync(join(home, 'cluster.toml'), toml);
  const start = (more: MasterOptions = {}): Promise<Master> =>
    startMaster({
      home,
      listen: '127.0.0.1:0',
      noAgent: true,
      env: { ORCA_LOG_LEVEL: 'fatal' },
      ...rest,
      ...more,
    });
  let master = await start().catch((error: unknown) => {
    rmSync(home, { recursive: true, force: true });
    throw error;
  });
  const portNow = (): number => Number(new URL(master.url).port);
  return {
    home,
    get port() {
      return portNow();
    },
    get master() {
      return master;
    },
    async api(method, path, body, headers = {}) {
      const token = readFileSync(join(home, 'cluster.token'), 'utf8').trim();
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await request(
        {
          host: '127.0.0.1',
          port: portNow(),
          path: path === '/metrics' ? path : `/api/v1${path}`,
          method,
          ca: readFileSync(join(home, 'ca.pem')),
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        },
        text,
      );
      return { ...answer, json: parsed(answer.body) };
    },
    async restart(more) {
      await master.stop();
      master = await start(more);
    },
    async stop() {
      await master.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
