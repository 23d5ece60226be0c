import t from 'tap';
import { createRateLimit } from '../../../../master/http/rate-limit.js';

const refused = { code: 'TOO_MANY_REQUESTS' };

t.test('an address has 60 a minute, and others are not kept from theirs', async (t) => {
  const limit = createRateLimit();
  for (let n = 0; n < 60; n++) limit.take('a', 1_000);
  t.throws(() => limit.take('a', 2_000), refused);
  limit.take('b', 2_000);
  limit.take('a', 100_000);
});

t.test('in all there is a limit too, which bounds what is remembered', async (t) => {
  const limit = createRateLimit();
  for (let n = 0; n < 1_200; n++) limit.take(`address-${n}`, 100_000);
  t.throws(() => limit.take('one-more', 100_001), refused);
  limit.take('one-more', 30_000);
});
