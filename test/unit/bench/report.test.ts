import t from 'tap';
import { withReport } from '../../../bench/document.js';
import { parseOptions } from '../../../bench/options.js';
import { asMarkdown, printed, type Report, ratioCell } from '../../../bench/report.js';
import { summarize } from '../../../bench/statistics.js';

const report: Report = {
  id: 'deploy',
  title: 'A title',
  tables: [{ columns: ['image', 'ratio'], rows: [['busybox', '1.20']] }],
  notes: ['First.', 'Second.'],
};

t.test('a row of values is its median and its middle half', async (t) => {
  t.same(summarize([4, 1, 3, 2, 5]), { median: 3, low: 2, high: 4, count: 5 });
  t.same(summarize([1, 2]), { median: 1.5, low: 1.25, high: 1.75, count: 2 });
  t.throws(() => summarize([]), { message: 'nothing was measured' });
});

t.test('a ratio is judged as it is shown, and a missed aim is said', async (t) => {
  t.equal(ratioCell(1.501, { atMost: 1.5 }), '1.50 (aim ≤ 1.5)');
  t.equal(ratioCell(1.51, { atMost: 1.5 }), '1.51 (aim ≤ 1.5, missed)');
  t.equal(ratioCell(0.96, { atLeast: 0.97 }), '0.96 (aim ≥ 0.97, missed)');
  t.equal(ratioCell(2, {}), '2.00');
});

t.test('a report is printed in columns, and written as Markdown', async (t) => {
  t.equal(
    printed(report),
    'A title\n\n  image     ratio\n  -------   -----\n  busybox   1.20\n\n  First.\n\n  Second.',
  );
  t.equal(asMarkdown(report), '| image | ratio |\n| --- | --- |\n| busybox | 1.20 |\n\n- First.\n- Second.');
});

t.test('only the place of a report in the document is written', async (t) => {
  const text = 'before\n<!-- bench:deploy -->\nold\n<!-- /bench:deploy -->\nafter\n';
  const written = withReport(text, report, 'today');
  t.match(written, /^before\n<!-- bench:deploy -->\n\| image/);
  t.match(written, /_Measured today_\n<!-- \/bench:deploy -->\nafter\n$/);
  t.notMatch(written, 'old');
  t.equal(withReport(written, report, 'today'), written);
  t.throws(() => withReport('nothing', report, 'today'), { message: /no place for deploy/ });
});

t.test('options name benchmarks and rounds; others are refused with the usage', async (t) => {
  t.same(parseOptions([]), {
    names: [
      'deploy',
      'replace',
      'throughput',
      'memory',
      'canary',
      'split',
      'simulation',
      'swarm',
      'webhooks',
      'carry',
    ],
    rounds: null,
    write: false,
  });
  t.same(parseOptions(['--only', 'memory', '--only', 'deploy', '--rounds', '3', '--write']), {
    names: ['deploy', 'memory'],
    rounds: 3,
    write: true,
  });
  t.throws(() => parseOptions(['--only', 'speed']), {
    message: /no benchmark is called speed\nnpm run bench/,
  });
  t.throws(() => parseOptions(['--rounds', '0']), { message: /whole number/ });
});
