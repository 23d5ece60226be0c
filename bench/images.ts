/** The two images that are deployed: one that is up at once, so that nothing hides what Orca costs, and an ordinary app. */
import { busyboxImage, nodeAppImage } from '../test/support/images.js';

export interface BenchImage {
  /** Fit for names of services and domains. */
  name: string;
  title: string;
  tag: string;
}

/** The port both listen on. */
export const APP_PORT = 8_080;

/** Makes both, unless they are there; both answer 200 on `/`. */
export async function benchImages(): Promise<[light: BenchImage, app: BenchImage]> {
  const light = { name: 'busybox', title: 'busybox httpd (2 MB)', tag: 'orca-bench/busybox:1' };
  const app = { name: 'node', title: 'a Node app (100 MB)', tag: 'orca-bench/node:1' };
  const serve = `echo hello > /tmp/index.html; exec /bin/httpd -f -p ${APP_PORT} -h /tmp`;
  await busyboxImage({ tag: light.tag, cmd: ['/bin/sh', '-c', serve] });
  await nodeAppImage({ tag: app.tag });
  return [light, app];
}
