import t from 'tap';
import { nodeTable } from '../../../cli/node-table.js';
import { createOutput } from '../../../cli/output.js';
import { aNode } from './frames.js';

t.test('how long the certificate of a node lasts is shown in days', async (t) => {
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  const output = createOutput({
    ...{ out: write, err: write, env: {}, cwd: '/', isTerminal: false, columns: 80, rows: 9 },
    readSecret: async () => '',
    confirm: async () => null,
    outBytes: async () => undefined,
    onInterrupt: () => () => undefined,
  });
  const nowMs = Date.now();
  const left = (days: number) => new Date(nowMs + days * 86_400_000 + 1_000).toISOString();
  const shown = (certificate_expires_at: string | null): string => {
    out = '';
    nodeTable(
      output,
      [aNode({ certificate_expires_at, last_heartbeat: new Date(nowMs).toISOString() })],
      nowMs,
    );
    return /ago +(\S+)/.exec(out)?.[1] ?? '';
  };
  t.same([left(89), left(3), left(0), left(-2), null].map(shown), ['89d', '3d', '0d', 'expired', '–']);
  t.match(out, /CERTIFICATE/);
});
