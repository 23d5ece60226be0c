/** Brings images from one Docker to others, under the same ids: `docker save` and `docker load`, over their sockets. */
import http, { type IncomingMessage } from 'node:http';
import { dockerCall } from './docker.js';

/** Several at once share what they have in common. Throws with Docker's own words. */
export async function copyImages(tags: string[], from: string, to: string[]): Promise<void> {
  const query = tags.map((tag) => `names=${encodeURIComponent(tag)}`).join('&');
  for (const docker of to) {
    const saved = await opened(from, `/images/get?${query}`);
    const { status, text } = await dockerCall('POST', '/images/load?quiet=1', saved, docker);
    if (status !== 200 || text.includes('"error"')) throw new Error(`docker load: ${status} ${text.trim()}`);
  }
}

function opened(docker: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: docker.replace('unix://', ''), path, agent: false as const };
    http
      .get(options, (response) => {
        if (response.statusCode === 200) resolve(response);
        else reject(new Error(`docker save: ${response.statusCode}`));
      })
      .on('error', reject);
  });
}
