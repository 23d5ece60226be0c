import t from 'tap';
import { reach } from '../../../../agent/carry/reach.js';
import { aCa, aCertificate } from '../../../support/a-certificate.js';
import { freePort } from '../../../support/free-port.js';

t.test('a node whose address leads everybody to themselves is said to need another one', async (t) => {
  const ca = aCa();
  const identity = { ...aCertificate(['n-1'], { ca, usage: 'client' }), ca: ca.certPem };
  const [port, master] = [await freePort(), await freePort()];
  const from = (address: string) =>
    reach({ node: 'n-1', name: 'h1', address, port }, identity, `https://127.0.0.1:${master}`);
  await t.rejects(from('127.0.0.1'), {
    message:
      /^h1 has it and can't be reached: its address is 127\.0\.0\.1, .*`--advertise`.* on h1 .*; through the master: connect ECONNREFUSED/,
  });
});
