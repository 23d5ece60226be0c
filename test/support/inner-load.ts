/**
 * Load from inside a container on another service, as the test app runs it (see app.ts): steady requests over connections that are
 * kept, and others over fresh ones. A kept connection that its server closed while it was idle is no failure: the request is
 * sent again once, over a fresh one, and counted as `resent`.
 */
import { Agent, type ClientRequest, get } from 'node:http';

export interface InnerReport {
  requests: number;
  resent: number;
  /** By what went wrong. */
  failures: Record<string, number>;
  /** Answers by release. */
  releases: Record<string, number>;
  slowestMs: number;
}

export interface InnerLoad {
  report(): InnerReport;
  stop(): Promise<InnerReport>;
}

const PAUSE_MS = 10;
const PATIENCE_MS = 20_000;

/** `kept` and `fresh`: how many send requests for `url` one after the other. */
export function startInnerLoad(url: string, { kept, fresh }: { kept: number; fresh: number }): InnerLoad {
  const report: InnerReport = { requests: 0, resent: 0, failures: {}, releases: {}, slowestMs: 0 };
  let isStopped = false;
  const worker = async (agent: Agent | false): Promise<void> => {
    while (!isStopped) {
      const startedAtMs = Date.now();
      const release = await ask(url, agent, report).catch((error: NodeJS.ErrnoException) => {
        count(report.failures, error.code ?? error.message);
        return null;
      });
      report.requests += 1;
      report.slowestMs = Math.max(report.slowestMs, Date.now() - startedAtMs);
      if (release !== null) count(report.releases, release);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    if (agent) agent.destroy();
  };
  const keeping = Array.from({ length: kept }, () => worker(new Agent({ keepAlive: true, maxSockets: 1 })));
  const others = Array.from({ length: fresh }, () => worker(false));
  return {
    report: () => report,
    async stop() {
      isStopped = true;
      await Promise.all([...keeping, ...others]);
      return report;
    },
  };
}

async function ask(url: string, agent: Agent | false, report: InnerReport): Promise<string> {
  try {
    return await once(url, agent);
  } catch (error) {
    if (!(error as { wasReused?: boolean }).wasReused) throw error;
    report.resent += 1;
    return once(url, false);
  }
}

/** The release that answered. Rejects also for any other status than 200. */
function once(url: string, agent: Agent | false): Promise<string> {
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const fail = (error: Error): void => {
      const wasReused = asking.reusedSocket && !isAnswered && 'code' in error && error.code === 'ECONNRESET';
      reject(Object.assign(error, { wasReused }));
    };
    const asking: ClientRequest = get(url, { agent, timeout: PATIENCE_MS }, (response) => {
      isAnswered = true;
      response.on('error', fail);
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve(String(response.headers['x-release']));
        else reject(new Error(`status ${response.statusCode}`));
      });
    });
    asking.on('timeout', () => asking.destroy(new Error('no answer')));
    asking.on('error', fail);
  });
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
