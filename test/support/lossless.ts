/** What must not be noticed: the load that runs beside it loses no request and no open stream. */
import type { Test } from 'tap';
import { describeLoad, type LoadOptions, type LoadReport, startLoad } from './load.js';

/** Runs `act` under the load; prints the account, and asserts that nothing failed and nothing was cut. */
export async function lossless(t: Test, load: LoadOptions, act: () => Promise<void>): Promise<LoadReport> {
  const running = await startLoad(load);
  let report: LoadReport;
  try {
    await act();
  } finally {
    report = await running.stop();
  }
  t.equal(report.failed, 0, describeLoad(report));
  t.same(report.cuts, []);
  t.ok(report.sent > 100, `${report.sent} requests sent`);
  t.comment(describeLoad(report));
  return report;
}
