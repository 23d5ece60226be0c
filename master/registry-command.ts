/**
 * Credentials that a program on the master's host gives anew: one that speaks as Docker's credential helpers do (the registry on standard
 * input, `{"Username": …, "Secret": …}` on standard output; github.com/docker/docker-credential-helpers). It is run without a shell, with
 * a time limit, and without what Orca's own environment holds.
 */
import { execFile } from 'node:child_process';
import * as z from 'zod';

const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 64 * 1024;
/** So much of what it says of its failure is told on. */
const MAX_SAID = 300;

const saidSchema = z.object({ Username: z.string().min(1), Secret: z.string().min(1) });

/** Rejects with what went wrong; what it wrote to standard output is never in it. */
export function credentialsByCommand(
  [program = '', ...args]: readonly string[],
  host: string,
  timeoutMs = TIMEOUT_MS,
): Promise<{ username: string; password: string }> {
  return new Promise((resolve, reject) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('ORCA_')));
    const options = { env, timeout: timeoutMs, killSignal: 'SIGKILL' as const, maxBuffer: MAX_OUTPUT_BYTES };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error) return reject(new Error(`${program} ${failure(error, stderr, timeoutMs)}`));
      const said = saidSchema.safeParse(parsed(stdout));
      if (said.success) return resolve({ username: said.data.Username, password: said.data.Secret });
      return reject(new Error(`${program} did not print {"Username": …, "Secret": …}`));
    });
    // One that reads nothing may have ended already.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(`${host}\n`);
  });
}

function failure(
  error: Error & { code?: unknown; killed?: boolean; signal?: unknown },
  stderr: string,
  timeoutMs: number,
): string {
  if (error.code === 'ENOENT') return 'is not on the host of the master';
  if (error.code === 'EACCES') return 'may not be run by the master';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'printed too much';
  if (error.killed) return `was not done within ${timeoutMs / 1_000} s`;
  const how = typeof error.code === 'number' ? `ended with ${error.code}` : `was ended by ${error.signal}`;
  const said = stderr.trim().slice(0, MAX_SAID);
  return said === '' ? how : `${how}: ${said}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
