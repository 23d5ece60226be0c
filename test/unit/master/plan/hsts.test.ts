import t from 'tap';
import { changesOf } from '../../../../master/plan/changes.js';
import { hstsHeader, hstsOf } from '../../../../master/plan/hsts.js';
import { aRelease, aService, aSpec } from './things.js';

const year = { maxAgeSecs: 31_536_000, includeSubdomains: false, preload: false };
const aState = (name: string, over: Parameters<typeof aSpec>[0]) => ({
  ...{ service: aService(aSpec({ name, ...over })), releases: [aRelease(1)], rollout: null, allocations: [] },
});

t.test('only names with a certificate that others trust send it', async (t) => {
  const services = [
    aState('b', { domains: ['b.com', 'own.com'], hsts: { ...year, maxAgeSecs: 60 } }),
    aState('a', { domains: ['a.com', 'www.a.com'], hsts: year }),
    aState('c', { domains: ['c.com'] }),
    aState('d', { domains: ['d.com'], hsts: year, internal: true }),
    aState('e', { domains: ['a.com'], routes: ['/e/*'] }),
  ];
  const trusted = new Set(['a.com', 'www.a.com', 'b.com', 'c.com', 'd.com']);
  const sent = [
    { value: 'max-age=31536000', names: ['a.com', 'www.a.com'] },
    { value: 'max-age=60', names: ['b.com'] },
  ];
  t.same(hstsOf(services, trusted), sent);
  t.same(hstsOf([...services].reverse(), trusted), sent, 'in any order');
  t.same(hstsOf(services, new Set()), []);
});

t.test('the header says what was asked for, and a plan shows the change', async (t) => {
  const all = { maxAgeSecs: 63_072_000, includeSubdomains: true, preload: true };
  t.equal(hstsHeader(all), 'max-age=63072000; includeSubDomains; preload');
  t.same(changesOf(aSpec(), aSpec({ hsts: year })), ['hsts: none → max-age=31536000']);
  t.same(changesOf(aSpec({ httpOnly: true }), aSpec()), ['http_only: true → none']);
});
