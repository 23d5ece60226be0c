import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { accessOf } from '../../../../agent/build/build.js';
import { resolveCommit } from '../../../../agent/build/clone.js';

t.test('a server that says again what it was told says it to nobody', async (t) => {
  const token = 'a-token-that-nobody-sees';
  const told: string[] = [];
  const server = createServer(({ headers: { authorization = '' } }, response) => {
    const plain = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();
    told.push(plain);
    response.writeHead(403, { 'content-type': 'text/plain' }).end(`no entry with ${authorization}, ${plain}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const repo = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.git`;
  const lines: string[] = [];
  const order = { id: 'b-1', repo, insecureHttp: true, deployKey: null, token: 'the-token' };
  const home = t.testdir({});
  const access = await accessOf(
    order,
    { folder: home, secretFiles: { write: async () => [] } },
    {
      secrets: { 'the-token': { value: token, reason: null } },
      log: { line: (text) => void lines.push(text) },
      signal: AbortSignal.timeout(20_000),
    },
    home,
  );
  const error = await resolveCommit({ repo, ref: 'refs/heads/main', commit: null }, access).catch(String);
  t.match(error, /refuses the one it got.*remote: no entry with/);
  t.ok(told.includes(`x-access-token:${token}`));
  const said = `${error}\n${lines.join('\n')}`;
  for (const form of [token, Buffer.from(`x-access-token:${token}`).toString('base64')])
    t.notOk(said.includes(form), said);
});
