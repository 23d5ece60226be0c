/**
 * Real git servers for tests: an sshd of its own (own host key, own port, keys that a test lets in) and git's http-backend behind HTTPS that wants a
 * token and behind plain HTTP, all on loopback unless plain HTTP is wanted elsewhere, with repositories that a test commits to.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import { createConnection } from 'node:net';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { aCertificate } from './a-certificate.js';
import { freePort } from './free-port.js';
import { lfsStore } from './lfs-store.js';
import { waitFor } from './wait-for.js';

export interface Repository {
  /** Over ssh, with a key; over HTTPS, with the token; over plain HTTP. */
  ssh: string;
  https: string;
  http: string;
  /** Commits these files (null: removed; `{ link }`: a symbolic link) and pushes them to `branch`; answers the commit. */
  commit(
    files: Record<string, string | null | { link: string }>,
    more?: { message?: string; branch?: string },
  ): string;
  /** What `main` is at, in the place of whatever it was. */
  forcePush(to: string): void;
  git(...args: string[]): string;
}

export interface GitServers {
  token: string;
  /** Keeps content for Git LFS (over plain HTTP); answers the pointer that a repository has in its place. */
  largeFile(content: string): string;
  /** PEM, which clients of the HTTPS server are to trust. */
  caFile: string;
  repository(name: string): Repository;
  /** Who has the private half gets in. */
  letIn(publicKey: string): void;
  /** A host key in the place of the one before, as when somebody else answers. */
  newHostKey(): Promise<void>;
  stop(): Promise<void>;
}

/** `plainAt`: an address of this machine for plain HTTP, such as hosts of a test bed reach. */
export async function startGitServers({ plainAt }: { plainAt?: string } = {}): Promise<GitServers> {
  const root = mkdtempSync('/tmp/orca-git-');
  const served = join(root, 'served');
  mkdirSync(served);
  writeFileSync(join(root, 'authorized'), '');
  const token = 'a-token-of-the-tests-1234';
  const pair = aCertificate(['localhost']);
  const caFile = join(root, 'https.pem');
  writeFileSync(caFile, pair.cert);
  const sshPort = await freePort();
  let sshd = await startSshd(root, sshPort);
  const basic = `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  const secure = https.createServer(pair, (request, response) => {
    if (request.headers.authorization === basic) return void backend(served, request, response);
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  });
  const lfs = lfsStore();
  const open = http.createServer((request, response) => {
    if (!lfs.answers(request, response)) void backend(served, request, response);
  });
  const [httpsPort, httpPort] = [await listening(secure), await listening(open, plainAt)];
  const user = userInfo().username;
  return {
    token,
    caFile,
    largeFile: lfs.keep,
    letIn: (publicKey) =>
      writeFileSync(join(root, 'authorized'), `restrict ${publicKey}\n`, { flag: 'a', mode: 0o600 }),
    async newHostKey() {
      await ended(sshd);
      rmSync(join(root, 'host'));
      rmSync(join(root, 'host.pub'));
      sshd = await startSshd(root, sshPort);
    },
    repository(name) {
      const bare = join(served, `${name}.git`);
      run(root, 'init', '--quiet', '--bare', '--initial-branch=main', bare);
      const work = join(root, 'work', name);
      run(root, 'clone', '--quiet', bare, work);
      return {
        ssh: `ssh://${user}@127.0.0.1:${sshPort}${bare}`,
        https: `https://localhost:${httpsPort}/${name}.git`,
        http: `http://${plainAt ?? 'localhost'}:${httpPort}/${name}.git`,
        git: (...args) => run(work, ...args),
        commit(files, { message = 'Mend the door', branch = 'main' } = {}) {
          run(work, 'checkout', '--quiet', '-B', branch);
          for (const [path, content] of Object.entries(files)) put(join(work, path), content);
          run(work, 'add', '--all');
          run(work, 'commit', '--quiet', '--allow-empty', '--message', message);
          run(work, 'push', '--quiet', '--force', 'origin', branch);
          return run(work, 'rev-parse', 'HEAD').trim();
        },
        forcePush: (to) => void run(work, 'push', '--quiet', '--force', 'origin', `${to}:refs/heads/main`),
      };
    },
    async stop() {
      await ended(sshd);
      for (const server of [secure, open]) {
        server.closeAllConnections();
        server.close();
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function put(path: string, content: string | null | { link: string }): void {
  rmSync(path, { recursive: true, force: true });
  if (content === null) return;
  mkdirSync(dirname(path), { recursive: true });
  if (typeof content === 'string') writeFileSync(path, content);
  else symlinkSync(content.link, path);
}

/** As Alice, whatever is configured on this host. */
function run(cwd: string, ...args: string[]): string {
  const env = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Alice',
    GIT_AUTHOR_EMAIL: 'alice@example.com',
    GIT_COMMITTER_NAME: 'Alice',
    GIT_COMMITTER_EMAIL: 'alice@example.com',
  };
  return execFileSync('git', ['-c', 'protocol.file.allow=always', ...args], {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** It tells its clients of no protocol version, so that git asks as older servers have it: no commit by its name. */
async function startSshd(root: string, port: number): Promise<ChildProcess> {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(root, 'host')]);
  mkdirSync('/run/sshd', { recursive: true });
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(root, 'host')}`,
    `AuthorizedKeysFile ${join(root, 'authorized')}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
  ];
  writeFileSync(join(root, 'sshd_config'), `${config.join('\n')}\n`);
  // sshd wants its own path whole: it starts itself again for each connection.
  const args = ['-D', '-e', '-f', join(root, 'sshd_config')];
  const child = spawn('/usr/sbin/sshd', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await waitFor('sshd to answer', () => {
    if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}: ${said}`);
    return answers(port);
  });
  return child;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('data', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    setTimeout(() => socket.destroy(), 1_000).unref();
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}

async function listening(server: http.Server | https.Server, address = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return (server.address() as { port: number }).port;
}

/** A CGI program's answer: headers, an empty line, the body. */
async function backend(served: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: served,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  let head: Buffer | null = Buffer.alloc(0);
  child.stdout.on('data', (chunk: Buffer) => {
    if (head === null) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const lines = head.toString('latin1', 0, end).split('\r\n');
    const rest = head.subarray(end + 4);
    head = null;
    for (const line of lines) {
      const [name = '', value = ''] = line.split(/: ?(.*)/s);
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    return void response.write(rest);
  });
  child.stdout.on('end', () => response.end());
}
