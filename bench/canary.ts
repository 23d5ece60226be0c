/**
 * What a canary costs: the requests per second of a service with one, beside the same service without, and the time in which
 * `orca promote` gives it all of the traffic, beside `docker run` of the same image to its first 200. One Orca serves both.
 */
import { startOrca } from '../test/support/orca.js';
import { canaryThroughput, SECONDS } from './canary-throughput.js';
import { benchImages } from './images.js';
import type { Progress } from './progress.js';
import { IN_A_ROW, promotions } from './promote.js';
import type { Report } from './report.js';

/** `rounds` a row of both tables, after one that doesn't count. */
export async function benchCanary(rounds: number, progress: Progress): Promise<Report> {
  const [, app] = await benchImages();
  const orca = await startOrca();
  try {
    // The promotions go first: the other services' containers would only be in their way.
    const promoted = await promotions(orca, app, rounds, progress);
    const load = await canaryThroughput(orca, app, rounds, progress);
    return {
      id: 'canary',
      title: 'A canary: requests per second beside a service without one, and `orca promote`',
      tables: [load, promoted],
      notes: [
        `Requests: wrk with 32 connections, ${SECONDS} s a round, ${rounds} rounds a row in turns after one that does not count, HTTP/1.1 over TLS on loopback, without cookies; median, with the middle half in brackets. Each service has two Node containers.`,
        `Promotions: median of ${rounds} rounds after one that does not count. "All traffic" is the first of ${IN_A_ROW} answers in a row that are the new release's.`,
      ],
    };
  } finally {
    await orca.stop();
  }
}
