/**
 * Runs git: argument arrays, an environment made from nothing, no prompts, no hooks, no configuration of the host's, only the protocols that the
 * build allows (submodules too), as a process of low priority in a group of its own that dies whole with `signal`. What it prints goes to the log
 * line by line. It writes its progress all the time, so that one whose agent was killed dies of the broken pipe.
 */
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { createLines } from './lines.js';

export interface GitOptions {
  /** A folder that is this build's alone. */
  home: string;
  cwd: string;
  insecureHttp: boolean;
  /** More of git's configuration; in the environment, for arguments are everybody's to read. */
  config: readonly (readonly [key: string, value: string])[];
  /** More of the environment. */
  env: Record<string, string>;
  /** What it prints, without what must not be seen: a server may say again what it was told. */
  hide(text: string): string;
  onLine(text: string): void;
  signal: AbortSignal;
}

/** Git said no; `words` are its last lines. */
export class GitError extends Error {
  readonly words: string;

  constructor(command: string, words: string) {
    super(`git ${command} failed: ${words}`);
    this.name = 'GitError';
    this.words = words;
  }
}

const NICE = 10;
/** What a command may answer; more is no answer to anything that is asked here. */
const MAX_OUTPUT_CHARS = 4 * 1024 * 1024;
const LAST_LINES = 4;

/** What it wrote to its standard output. Rejects with a `GitError`, or with the signal's reason. */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  const { signal } = options;
  signal.throwIfAborted();
  const child = spawn('git', args, {
    cwd: options.cwd,
    env: environment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = (): void => killGroup(child.pid);
  signal.addEventListener('abort', end, { once: true });
  lowerPriority(child.pid);
  let output = '';
  const last: string[] = [];
  const lines = createLines((said) => {
    const text = options.hide(said);
    last.push(text);
    if (last.length > LAST_LINES) last.shift();
    options.onLine(text);
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.length < MAX_OUTPUT_CHARS) output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => lines.add(withoutProgress(text)));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    lines.end();
    signal.throwIfAborted();
    if (code !== 0) throw new GitError(args[0] ?? '', last.join('; ') || `it ended with ${code}`);
    return output;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** Percentages rewrite their line: they end with a carriage return alone. */
const withoutProgress = (text: string): string =>
  text
    .split('\n')
    .map((line, at, all) => {
      const end = at < all.length - 1 && line.endsWith('\r') ? line.length - 1 : line.length;
      return line.slice(line.slice(0, end).lastIndexOf('\r') + 1);
    })
    .join('\n');

function environment(options: GitOptions): Record<string, string> {
  const { home, config, env } = options;
  const all: (readonly [string, string])[] = [
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['credential.helper', ''],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['advice.detachedHead', 'false'],
    ['init.defaultBranch', 'main'],
    ['fetch.recurseSubmodules', 'false'],
    ['http.lowSpeedLimit', '1000'],
    ['http.lowSpeedTime', '60'],
    ...config,
  ];
  const pairs = all.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return {
    ...inherited(),
    HOME: home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_COUNT: String(all.length),
    ...Object.fromEntries(pairs),
    GIT_ALLOW_PROTOCOL: protocolsOf(options).join(':'),
    GIT_SSH_COMMAND: NO_SSH,
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'true',
    GIT_LFS_SKIP_SMUDGE: '1',
    ...env,
  };
}

/** Ssh, left to itself, reads the configuration and the keys of the user it runs as. */
const NO_SSH = 'false';

/** Ssh only with a key of the build's own. */
export const protocolsOf = ({ insecureHttp, env }: GitOptions): string[] => [
  'https',
  ...(insecureHttp ? ['http'] : []),
  ...(env.GIT_SSH_COMMAND === undefined ? [] : ['ssh']),
];

/** How this host reaches others, and nothing else of its agent's. */
function inherited(): Record<string, string> {
  const names = /^(PATH|https?_proxy|no_proxy|all_proxy|SSL_CERT_FILE|SSL_CERT_DIR|GIT_SSL_CAINFO)$/i;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      names.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  );
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, NICE);
  } catch {
    // It has ended, or this user may not: it is only a favour to what serves.
  }
}
