import t from 'tap';
import { checkOwnAddress } from '../../../shared/own-address.js';

t.test('an address of this host is one in any spelling; anything else names what there is', async (t) => {
  const own = ['10.0.0.5', 'fd00::1', '127.0.0.1'];
  for (const address of ['10.0.0.5', 'fd00:0::0001', '127.0.0.1'])
    checkOwnAddress(address, '--advertise', own);
  for (const address of ['10.0.0.6', '0.0.0.0', '::', 'fd00::2', 'host', '', '::ffff:10.0.0.5'])
    t.throws(() => checkOwnAddress(address, '--advertise', own), {
      code: 'USAGE',
      message: /--advertise must be an address of this host/,
      hint: 'This host has 10.0.0.5, fd00::1, 127.0.0.1.',
    });
  checkOwnAddress('127.0.0.1');
});
