import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { pinMaster } from '../../../cli/join/pin.js';
import { openAuthority } from '../../../master/authority.js';
import { FALLBACK_NAME } from '../../../master/store/tables.js';

t.test('an ingress is not taken for another master: where to join is said', async (t) => {
  const authority = openAuthority(t.testdir(), Date.now());
  const { certPem, keyPem } = authority.issueServer([FALLBACK_NAME], Date.now());
  const server = createServer({ cert: certPem, key: keyPem });
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const host of ['localhost', '127.0.0.1'])
    await t.rejects(pinMaster(new URL(`https://${host}:${port}`), authority.caFingerprint), {
      code: 'USAGE',
      message: new RegExp(`^https://${host}:${port} is an ingress`),
      hint: new RegExp(`port, 6880 .*: orca join https://${host}:6880$`),
    });
});
