/** What the trail tells of refusals: whose they are told apart from, and what of them is not kept. */
import t, { type Test } from 'tap';
import { type AuditAct, createAudit } from '../../../../master/control/audit.js';
import { readAudit } from '../../../../master/control/audit-reader.js';
import { MAX_KINDS } from '../../../../master/control/audit-refusals.js';
import { createLogger } from '../../../../master/http/logger.js';
import { OrcaError } from '../../../../shared/errors.js';
import { aStore } from '../../../support/a-store.js';

const act: AuditAct = {
  ...{ kind: 'token', by: 'ci', from: '192.0.2.1', via: 'cli' },
  ...{ action: 'POST /services/:name/stop', path: '/services/api/stop' },
};

function aTrail(t: Test) {
  const store = aStore(t);
  const trail = createAudit({
    ...{ store, retentionMs: () => 90 * 86_400_000, nowMs: () => 1_000, log: createLogger('silent') },
  });
  t.teardown(() => trail.stop());
  return { trail, store, all: () => readAudit(store, { since: null, by: null, limit: 1_000 }) };
}

t.test(
  'one who has a token can not blind the trail for others, and each refusal has its words',
  async (t) => {
    const { trail, all } = aTrail(t);
    for (let at = 0; at < 200; at += 1)
      trail.refused({ ...act, path: `/services/a${at}/stop` }, new OrcaError('NOT_ALLOWED', 'no'));
    trail.refused({ ...act, by: 'adm', path: '/tokens/x' }, new OrcaError('NOT_ALLOWED', 'not yours'));
    const stranger = { ...act, kind: 'nobody', by: 'nobody', path: null } as const;
    trail.refused(stranger, new OrcaError('NOT_AUTHENTICATED', 'no token was sent'));
    trail.refused(stranger, new OrcaError('NOT_AUTHENTICATED', 'the token "old" was revoked at noon'));
    trail.stop();
    const entries = await all();
    t.match(
      entries.find(({ by }) => by === 'adm'),
      { path: '/tokens/x', text: 'not yours' },
    );
    t.ok(entries.some(({ text }) => text?.includes('was revoked')));
    t.equal(entries.filter(({ by }) => by === 'ci').length, MAX_KINDS.known + 2);
  },
);

t.test('a token or a value that is written where a name belongs is not kept', async (t) => {
  const { trail, store, all } = aTrail(t);
  const token = `orca_137a00ff_${'S'.repeat(43)}.${'a'.repeat(64)}`;
  trail.refused(
    { ...act, path: `/tokens/${token}` },
    new OrcaError('NOT_FOUND', `there is no token "${token}"`),
  );
  trail.refused(
    { ...act, path: '/secrets/hunter2?project=a' },
    new OrcaError('SECRET_NOT_FOUND', 'there is no secret hunter2'),
  );
  trail.refused(
    { ...act, path: `/services/${token}/stop` },
    new OrcaError('SERVICE_NOT_FOUND', `no service "${token}"`),
  );
  trail.stop();
  const text = JSON.stringify([await all(), store.auditEntry(1)]);
  t.notMatch(text, /SSSS|hunter2/);
  t.match(text, /secrets\/…\?project=a/);
});
