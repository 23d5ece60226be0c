import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readSettings } from '../../../master/settings.js';
import { aCa, aCertificate } from '../../support/a-certificate.js';

function aHome(t: Test, toml: string): string {
  const home = mkdtempSync(join(tmpdir(), 'orca-settings-'));
  writeFileSync(join(home, 'cluster.toml'), toml);
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

t.test('flags go over variables, variables over cluster.toml, and that over the defaults', async (t) => {
  const home = aHome(
    t,
    '[cluster]\nlisten = "127.0.0.1:1"\nadvertise = "127.0.0.1"\n[proxy]\nhttp_port = 1\nhttps_port = 2\n',
  );
  const settings = await readSettings(
    { home, listen: '127.0.0.1:3' },
    { ORCA_LISTEN: '127.0.0.1:2', ORCA_HTTP_PORT: '8080' },
  );
  t.match(settings, {
    listen: { host: '127.0.0.1', port: 3 },
    proxy: { httpPort: 8080, httpsPort: 2, caddy: 'auto' },
    advertise: '127.0.0.1',
    docker: 'unix:///var/run/docker.sock',
    runsAgent: true,
    name: 'orca',
  });
});

t.test('--no-agent, ORCA_NO_AGENT and agent = false all keep the agent away', async (t) => {
  const plain = aHome(t, '');
  t.equal((await readSettings({ home: plain, noAgent: true }, {})).runsAgent, false);
  t.equal((await readSettings({ home: plain }, { ORCA_NO_AGENT: '1' })).runsAgent, false);
  t.equal((await readSettings({ home: plain }, { ORCA_NO_AGENT: '0' })).runsAgent, true);
  t.equal((await readSettings({ home: aHome(t, '[cluster]\nagent = false\n') }, {})).runsAgent, false);
});

t.test('what can not work is refused with the flag that says it', async (t) => {
  const home = aHome(t, '');
  await t.rejects(readSettings({ home, listen: 'nonsense' }, {}), { code: 'USAGE', message: /--listen/ });
  await t.rejects(readSettings({ home, httpPort: '70000' }, {}), { code: 'USAGE', message: /--http-port/ });
  await t.rejects(readSettings({ home, httpListen: '192.0.2.1:80' }, {}), {
    code: 'USAGE',
    message: /loopback/,
  });
  await t.rejects(readSettings({ home, docker: 'ftp://x' }, {}), { code: 'USAGE', message: /--docker/ });
});

t.test('roots that can not be used are refused with file, line and key, while ACME is on', async (t) => {
  const roots = '[acme]\ntrusted_roots = ["good.pem",\n  "bad"]\n';
  const home = aHome(t, `[cluster]\nacme_email = "a@b.c"\n${roots}`);
  const put = (text: string): void => writeFileSync(join(home, 'bad'), text);
  const read = () => readSettings({ home }, {});
  const refused = (why: RegExp) =>
    t.rejects(read(), {
      code: 'CONFIG_INVALID',
      message: new RegExp(
        `^${home}/cluster\\.toml:5:3: acme\\.trusted_roots\\[1\\]: ${home}/bad ${why.source}`,
      ),
    });
  writeFileSync(join(home, 'good.pem'), aCa().certPem + aCa().certPem);
  await refused(/is not there/);
  mkdirSync(join(home, 'bad'));
  await refused(/is a directory/);
  rmSync(join(home, 'bad'), { recursive: true });
  put('');
  await refused(/holds no certificate in PEM/);
  put(aCertificate(['a.example.com']).key);
  await refused(/holds no certificate in PEM/);
  put(`${aCa().certPem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`);
  await refused(/holds a certificate that can't be read, number 2 of 2/);
  put('x'.repeat(2 * 1024 * 1024));
  await refused(/is far larger/);
  put(aCa().certPem);
  t.same((await read()).acme?.trustedRoots, [join(home, 'good.pem'), join(home, 'bad')]);
  t.equal((await readSettings({ home: aHome(t, roots) }, {})).acme, null, 'without it they have no effect');
});
