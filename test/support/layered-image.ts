/** Images of two layers of known sizes, of bytes that can't be compressed: a base with busybox, and a file on top of it. */
import { randomBytes } from 'node:crypto';
import { pack } from 'tar-stream';
import { dockerCall, dockerJson } from './docker.js';
import { busyboxImage } from './images.js';

/** `from`: an image that is there; null: busybox's. Answers the image's id. */
export async function withLayer(
  { tag, from, bytes, command }: { tag: string; from: string | null; bytes: number; command?: string[] },
  docker: string,
): Promise<string> {
  const base = from ?? `orca-test/layer-base:${tag.replace(/\W/g, '-')}`;
  if (from === null) await busyboxImage({ tag: base, docker });
  const { Id } = await dockerJson<{ Id: string }>(
    'POST',
    '/containers/create',
    { Image: base, Cmd: ['/none'] },
    docker,
  );
  try {
    const tar = pack();
    tar.entry({ name: `data/${randomBytes(6).toString('hex')}` }, randomBytes(bytes));
    tar.finalize();
    const put = await dockerCall('PUT', `/containers/${Id}/archive?path=/`, tar, docker);
    if (put.status !== 200) throw new Error(`docker cp: ${put.status} ${put.text}`);
    const [repo = '', version = 'latest'] = tag.split(':');
    const query = `container=${Id}&repo=${encodeURIComponent(repo)}&tag=${version}&pause=false`;
    const config = { Cmd: command ?? ['/bin/sleep', '1000000'] };
    return (await dockerJson<{ Id: string }>('POST', `/commit?${query}`, config, docker)).Id;
  } finally {
    await dockerCall('DELETE', `/containers/${Id}?force=true&v=true`, undefined, docker);
  }
}
