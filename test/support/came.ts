/** What agents say of images that came from other nodes. */
export interface Came {
  imageId: string;
  from: string;
  via: 'direct' | 'master' | 'registry';
  bytes: number | null;
  ms: number;
}

/** In the log of an agent, oldest first. */
export function cameIn(log: string, imageId: string): Came[] {
  return log.split('\n').flatMap((line) => {
    const at = line.indexOf('{');
    if (at < 0 || !line.includes('an image came')) return [];
    const said = JSON.parse(line.slice(at)) as Came;
    return said.imageId === imageId ? [said] : [];
  });
}
