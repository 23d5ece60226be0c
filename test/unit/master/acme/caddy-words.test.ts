/** The lines are those of Caddy 2.6.2 and 2.11.9, shortened in their times and stacks. */
import t from 'tap';
import { readCaddyLine } from '../../../../master/acme/caddy-words.js';

const line = (more: object) => JSON.stringify({ level: 'error', ts: 1, logger: 'tls.obtain', ...more });

t.test('why no certificate was had, without the way that the error took', async (t) => {
  const msg = 'could not get certificate from issuer';
  const presenting =
    '[*.example.com] solving challenges: presenting for challenge: adding temporary record for zone "example.com.": the DNS API answers 401: no such token (order=http://127.0.0.1:4/ab/order/1) (ca=http://127.0.0.1:4/ab/directory)';
  t.same(readCaddyLine(line({ msg, identifier: '*.example.com', error: presenting })), {
    words:
      'presenting for challenge: adding temporary record for zone "example.com.": the DNS API answers 401: no such token',
    isRefusal: true,
  });
  const retried = line({ msg: 'will retry', error: `[*.example.com] Obtain: ${presenting}` });
  t.match(readCaddyLine(retried), { words: /^presenting for challenge/, isRefusal: true });
  t.match(readCaddyLine(line({ logger: 'tls', msg: 'job failed', error: '*.example.com: obtaining' })), {
    isRefusal: true,
  });
});

t.test('an error of somebody else is remembered, and ends nothing', async (t) => {
  const logger = 'tls.issuance.acme.acme_client';
  t.same(readCaddyLine(line({ logger, msg: 'cleaning up solver', error: 'deleting: 500' })), {
    words: 'deleting: 500',
    isRefusal: false,
  });
  t.equal(readCaddyLine(line({ level: 'info', msg: 'obtaining certificate' })), null);
  t.equal(readCaddyLine(''), null);
  t.match(readCaddyLine('{ not JSON'), { words: '{ not JSON', isRefusal: false });
});

t.test('what keeps it from starting is plain text, of which the provider counts', async (t) => {
  const text =
    "Error: loading initial config: loading new config: loading tls app module: provision tls: loading module 'acme': provision tls.issuance.acme: loading DNS provider module: loading module 'orcatest': provision dns.providers.orcatest: orcatest needs a server";
  t.equal(readCaddyLine(text)?.words, 'orcatest needs a server');
  const unknown =
    'Error: loading tls app module: provision tls.issuance.acme: loading DNS provider module: loading module \'x\': decoding module config: dns.providers.x: json: unknown field "tokn"';
  t.equal(readCaddyLine(unknown)?.words, 'json: unknown field "tokn"');
});
