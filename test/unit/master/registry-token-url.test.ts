import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { credentialsByUrl } from '../../../master/registry-token-url.js';
import { aCertificate } from '../../support/a-certificate.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function aGiver(t: Test, handler: Handler): Promise<{ url: string; ca: string }> {
  const pair = aCertificate(['localhost']);
  const server = createServer(pair, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/token?key=hush`, ca: pair.cert };
}

const says = (status: number, body: unknown, headers: Record<string, string> = {}): Handler => {
  return (_, response) => {
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
};

t.test('it is asked with the bearer, and answers both, or a token for the user that is named', async (t) => {
  const asked: (string | undefined)[] = [];
  const answers: unknown[] = [{ Username: 'u', Secret: 's' }, { token: 'one' }, { access_token: 'two' }];
  const { url, ca } = await aGiver(t, (request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    response.end(JSON.stringify(answers.shift()));
  });
  const by = (bearer: string | null, username: string | null) =>
    credentialsByUrl({ url, bearer, username }, { ca });
  t.same(await by('secret', null), { username: 'u', password: 's' });
  t.same(await by(null, 'oauth2'), { username: 'oauth2', password: 'one' });
  t.same(await by(null, 'oauth2'), { username: 'oauth2', password: 'two' });
  t.same(asked, ['/token?key=hush Bearer secret', '/token?key=hush undefined', '/token?key=hush undefined']);
});

t.test('what goes wrong is said, and nothing of what is secret', async (t) => {
  const cases: [what: string, handler: Handler, message: RegExp][] = [
    ['a redirect', says(302, '', { location: 'https://evil.test/' }), /a redirect, which is not followed/],
    ['a refusal', says(403, 'the bearer'), /answered 403; is what it is asked with/],
    ['a failure', says(500, 'the bearer'), /localhost:\d+ answered 500$/],
    ['no JSON', says(200, 'the bearer'), /did not answer \{"Username"/],
    ['empty', says(200, { token: '' }), /did not answer/],
    ['a token of nobody', says(200, { token: 'hush' }), /say whose it is \(--username\)/],
    ['too much', says(200, 'x'.repeat(200_000)), /answered too much/],
    ['silence', () => undefined, /did not answer within 0\.3 s/],
  ];
  for (const [what, handler, message] of cases) {
    const { url, ca } = await aGiver(t, handler);
    const wanted = { url, bearer: 'the bearer', username: null };
    const error = await credentialsByUrl(wanted, { ca, timeoutMs: 300 }).catch((thrown: Error) => thrown);
    t.match((error as Error).message, message, what);
    t.notMatch((error as Error).message, /hush|the bearer/, what);
  }
});

t.test('only over TLS, with a certificate that is trusted', async (t) => {
  const { url } = await aGiver(t, says(200, { Username: 'u', Secret: 's' }));
  const wanted = { url, bearer: null, username: null };
  await t.rejects(credentialsByUrl(wanted), { message: /can't be asked: .*certificate/ });
  await t.rejects(credentialsByUrl({ ...wanted, url: 'http://localhost:1/' }), {
    message: /not asked without TLS/,
  });
});
