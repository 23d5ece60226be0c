import t from 'tap';
import { mayTry } from '../../../../master/http/way-back.js';

t.test('a master tries addresses of other hosts, and its own only for who asks from there', async (t) => {
  for (const address of ['10.0.0.5', '203.0.113.9', 'fd00::1', '2001:db8::1'])
    t.ok(mayTry(address, '192.0.2.1'), address);
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    t.notOk(mayTry(address, '192.0.2.1'), address);
    t.notOk(mayTry(address, '2001:db8::1'), address);
    t.ok(mayTry(address, '127.0.0.1'), address);
    t.ok(mayTry(address, '::ffff:127.0.0.1'), address);
  }
});

t.test('never one that is nobody’s, everybody’s, or of the link', async (t) => {
  for (const address of [
    '0.0.0.0',
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'ff02::1',
  ])
    t.notOk(mayTry(address, '127.0.0.1'), address);
  for (const address of ['localhost', 'example.com', '', '10.0.0', '10.0.0.5:22', 'fe80::1%eth0'])
    t.notOk(mayTry(address, '127.0.0.1'), address);
});
