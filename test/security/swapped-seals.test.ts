/** An attacker who can write to the store, and has no key: texts that are sealed in the place of others, and of before they were bound to one. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bindOfHook } from '../../master/control/webhooks.js';
import { openKeyring } from '../../master/keyring.js';
import { AUDIT_ANCHOR, AUDIT_HEAD } from '../../master/store/audit-marks.js';
import { openEnvironment } from '../../master/store/database.js';
import { BOUND_FILE } from '../../master/store/sealed.js';
import { openStore, type Store } from '../../master/store/store.js';
import { openTables } from '../../master/store/tables.js';
import type { AuditReply } from '../../shared/api-audit.js';
import { sealText } from '../../shared/seal.js';
import { aService } from '../support/a-model.js';
import { testMaster } from '../support/test-master.js';

const m = await testMaster();
t.teardown(() => m.stop());

/** While the master is away. */
async function tampered(change: (store: Store) => void): Promise<void> {
  await m.master.stop();
  const store = openStore(join(m.home, 'cluster.db'));
  change(store);
  await store.close();
  await m.restart();
}

await tampered((store) => store.write((tx) => tx.putService(aService({ desired: 'stopped' }))));
const add = async (secret: string): Promise<string> => {
  const body = { repo: `org/${secret}`, service_name: 'api', secret, branch: 'main' };
  return ((await m.api('POST', '/webhooks', body)).json as { id: string }).id;
};
const mine = await add('the-attackers-own');
const victim = await add('nobody-knows-this');
const isOpened = async (id: string): Promise<boolean> => {
  const { status, json } = await m.api('POST', `/webhooks/${id}/test`);
  if (status === 409) t.match(json, { error: /can't be opened: .* or for another webhook/ });
  return status === 200;
};

/** As version 7 of the schema had it. */
const unbound = (plain: string): string => {
  const key = Buffer.from(readFileSync(join(m.home, 'master.key'), 'utf8').trim(), 'base64');
  const id = createHash('sha256').update('orca key ').update(key).digest('hex').slice(0, 12);
  return `2.${id}.${sealText(key, plain, '')}`;
};
const put = (id: string, sealedSecret: string) => (store: Store) =>
  store.write((tx) => {
    const webhook = store.webhook(id);
    if (webhook) tx.putWebhook({ ...webhook, sealedSecret });
  });

t.test('one that is put in the place of another opens in neither', async (t) => {
  t.ok((await isOpened(mine)) && (await isOpened(victim)));
  let [ofMine, ofVictim] = ['', ''];
  await tampered((store) => {
    ofMine = store.webhook(mine)?.sealedSecret ?? '';
    ofVictim = store.webhook(victim)?.sealedSecret ?? '';
    put(victim, ofMine)(store);
  });
  t.notOk(await isOpened(victim), 'who knows one secret signs for no other webhook');
  t.ok(await isOpened(mine));
  await tampered(put(victim, ofVictim));
  t.ok(await isOpened(victim));
});

t.test('one of before is bound by the first start of this version, and by no later one', async (t) => {
  const old = unbound('of-before');
  await tampered(put(victim, old));
  t.notOk(await isOpened(victim), 'put there later it is nothing');
  await tampered((store) => {
    put(victim, old)(store);
    rmSync(join(m.home, BOUND_FILE));
  });
  t.ok(await isOpened(victim), 'the home was one of an earlier version');
  t.ok(existsSync(join(m.home, BOUND_FILE)));
  await m.master.stop();
  const store = openStore(join(m.home, 'cluster.db'));
  const now = store.webhook(victim)?.sealedSecret ?? '';
  t.equal(openKeyring(m.home, {}).unseal(now, bindOfHook(victim)), 'of-before');
  await store.close();
  await m.restart();
});

t.test('a trail that is wiped out is not begun anew in silence', async (t) => {
  await m.master.stop();
  const env = openEnvironment(join(m.home, 'cluster.db'));
  const tables = openTables(env);
  env.transaction(() => {
    for (const key of tables.audit.keys()) tables.audit.remove(key);
    for (const key of [AUDIT_ANCHOR, AUDIT_HEAD, 'audit-seal']) tables.meta.remove(key);
  });
  await env.close();
  await m.restart();
  const [first] = ((await m.api('GET', '/audit?limit=500')).json as AuditReply).entries;
  t.match(first, { number: 1, action: 'audit.anew', text: /this home had one/ });
  t.match((await m.api('GET', '/audit/verify')).json, { ok: true });
});
