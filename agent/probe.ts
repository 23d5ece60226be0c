/** Asks a container once how it is: HTTP, TCP or a command in it. The answer is data; a probe never throws. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { messageOf } from '../shared/errors.js';
import type { Probe } from '../shared/spec.js';
import { type Engine, EngineError } from './engine.js';

/** `unknown`: the engine that had to carry the question did not answer; says nothing about the container. */
export type Answer = { kind: 'ok' } | { kind: 'failed'; reason: string } | { kind: 'unknown' };

export interface ProbeTarget {
  containerId: string;
  /** The container's own address: a port published through a proxy would accept before the app does. */
  address: string | null;
}

type Asked = Exclude<Probe, { kind: 'stays-up' }>;

/** HTTP: any status from 200 to 399 is well. Gives up after the probe's `timeoutMs`. */
export async function runProbe(probe: Asked, target: ProbeTarget, engine: Engine): Promise<Answer> {
  const signal = AbortSignal.timeout(probe.timeoutMs);
  try {
    await ask(probe, target, engine, signal);
    return { kind: 'ok' };
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'down' && !signal.aborted) return { kind: 'unknown' };
    const late = signal.aborted ? `no answer within ${probe.timeoutMs / 1_000} s` : null;
    return { kind: 'failed', reason: `${question(probe)}: ${late ?? wordsOf(error)}` };
  }
}

function ask(probe: Asked, target: ProbeTarget, engine: Engine, signal: AbortSignal): Promise<void> {
  if (probe.kind === 'command') return askCommand(probe.command, target.containerId, engine, signal);
  if (target.address === null) throw new Error('the container has no address on its network');
  if (probe.kind === 'tcp') return askTcp(target.address, probe.port, signal);
  return askHttp(target.address, probe.port, probe.path, signal);
}

function question(probe: Asked): string {
  if (probe.kind === 'http') return `GET ${probe.path} on port ${probe.port}`;
  return probe.kind === 'tcp' ? `port ${probe.port}` : `command ${probe.command.join(' ')}`;
}

function wordsOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET') return 'connection reset';
  return messageOf(error);
}

async function askCommand(
  command: string[],
  containerId: string,
  engine: Engine,
  signal: AbortSignal,
): Promise<void> {
  const { exitCode, output } = await engine.exec(containerId, command, signal);
  if (exitCode === 0) return;
  const words = output.trim().split('\n').at(-1)?.slice(0, 200);
  throw new Error(`exit code ${exitCode}${words ? ` (${words})` : ''}`);
}

function askTcp(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function askHttp(host: string, port: number, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'user-agent': 'orca-probe', connection: 'close' };
    const asked = request({ host, port, path, headers, signal, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      asked.destroy();
      if (status >= 200 && status < 400) resolve();
      else reject(new Error(`answered ${status}`));
    });
    asked.once('error', reject);
    asked.end();
  });
}
