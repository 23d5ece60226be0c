/** The client of Caddy's admin API against a server that says what Caddy was seen to say. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { caddyAdmin } from '../../../proxy-config/admin.js';

async function against(listener: RequestListener) {
  const directory = mkdtempSync(join(tmpdir(), 'orca-admin-'));
  const path = join(directory, 'caddy.sock');
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return caddyAdmin(path);
}

t.test(
  'of an upstream that is listed twice the greater number counts, and a name’s last dot goes',
  async (t) => {
    const list = [
      { address: 'ip-10-0-0-1.orca.:80', num_requests: 1, fails: 0 },
      { address: 'ip-10-0-0-1.orca.:80', num_requests: 3, fails: 0 },
      { address: '10.0.0.1:81', num_requests: 2, fails: 0 },
    ];
    const admin = await against((_request, response) => response.end(JSON.stringify(list)));
    t.same(
      [...(await admin.upstreams())],
      [
        ['ip-10-0-0-1.orca:80', 3],
        ['10.0.0.1:81', 2],
      ],
    );
  },
);

t.test('no upstreams at all is an empty map', async (t) => {
  const admin = await against((_request, response) => response.end('null\n'));
  t.equal((await admin.upstreams()).size, 0);
});

t.test('a refusal carries Caddy’s own text', async (t) => {
  const admin = await against((request, response) => {
    request.resume();
    response.writeHead(400).end(JSON.stringify({ error: 'unknown field "x"' }));
  });
  await t.rejects(admin.load({}), { message: 'Caddy answered 400: unknown field "x"', status: 400 });
  t.equal(await admin.config('apps/none'), null);
});

t.test('a connection that breaks is tried again once', async (t) => {
  let asked = 0;
  const admin = await against((request, response) => {
    asked += 1;
    if (asked === 1) request.socket.destroy();
    else response.end('"unix//x"');
  });
  t.equal(await admin.config('admin/listen'), 'unix//x');
  t.equal(asked, 2);
});

t.test('nobody there is an error', async (t) => {
  await t.rejects(caddyAdmin('/nowhere/caddy.sock').upstreams(), { code: 'ENOENT' });
});
