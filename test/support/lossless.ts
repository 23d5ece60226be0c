/** What must not be noticed: the load that runs beside it loses no request and no open stream. */
import type { Test } from 'tap';
import { describeLoad, type LoadOptions, type LoadReport, startLoad } from './load.js';
import { waitFor } from './wait-for.js';

/** Fewer requests say little. */
const ENOUGH = 100;

/** Runs `act` under the load; prints the account, and asserts that nothing failed and nothing was cut. */
export async function lossless(t: Test, load: LoadOptions, act: () => Promise<void>): Promise<LoadReport> {
  const running = await startLoad(load);
  let report: LoadReport;
  try {
    await act();
    // What is over at once is looked at for a while too.
    await waitFor(`${ENOUGH} requests`, async () => (await running.report()).sent > ENOUGH);
  } finally {
    report = await running.stop();
  }
  t.equal(report.failed, 0, describeLoad(report));
  t.same(report.cuts, []);
  t.comment(describeLoad(report));
  return report;
}
