/**
 * Docker as tests look at it, over its HTTP API on a unix socket: enough to make images and to see, from outside of Orca,
 * what Orca did. The socket is the one of `ORCA_TEST_DOCKER`, `DOCKER_HOST`, or `/var/run/docker.sock`.
 */
import http from 'node:http';
import type { Readable } from 'node:stream';

export interface DockerReply {
  status: number;
  text: string;
}

/** A container as `docker ps -a` knows it. */
export interface SeenContainer {
  Id: string;
  Names: string[];
  ImageID: string;
  State: string;
  Labels: Record<string, string>;
  Ports: { IP?: string; PrivatePort: number; PublicPort?: number }[];
}

/** The Docker that tests use, as a URL: `unix:///var/run/docker.sock` unless the environment says otherwise. */
export function testDocker(): string {
  const { ORCA_TEST_DOCKER, DOCKER_HOST } = process.env;
  return (
    ORCA_TEST_DOCKER ?? (DOCKER_HOST?.startsWith('unix://') ? DOCKER_HOST : 'unix:///var/run/docker.sock')
  );
}

/** One call. `body` may be a stream (a tar) or plain data sent as JSON. Any status is an answer, not an error. */
export function dockerCall(
  method: string,
  path: string,
  body?: Readable | object,
  docker = testDocker(),
): Promise<DockerReply> {
  const stream = isStream(body) ? body : null;
  const headers = { 'content-type': stream ? 'application/x-tar' : 'application/json' };
  return new Promise((resolve, reject) => {
    const socketPath = docker.replace('unix://', '');
    const request = http.request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    request.on('error', reject);
    if (stream) stream.on('error', reject).pipe(request);
    else request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The same for calls that must work: the parsed answer, or an error with Docker's own words. */
export async function dockerJson<T>(
  method: string,
  path: string,
  body?: Readable | object,
  docker = testDocker(),
): Promise<T> {
  const { status, text } = await dockerCall(method, path, body, docker);
  if (status >= 400) throw new Error(`docker ${method} ${path}: ${status} ${text.trim()}`);
  return (text === '' ? null : JSON.parse(text)) as T;
}

/** Every container, running or not, that carries all of these labels. */
export function containersWith(
  labels: Record<string, string>,
  docker = testDocker(),
): Promise<SeenContainer[]> {
  const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return dockerJson('GET', `/containers/json?all=true&filters=${filters({ label })}`, undefined, docker);
}

export function filters(values: Record<string, string[]>): string {
  return encodeURIComponent(JSON.stringify(values));
}

function isStream(body: Readable | object | undefined): body is Readable {
  return typeof (body as Readable | undefined)?.pipe === 'function';
}
