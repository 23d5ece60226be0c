/** A master in a process of its own, with a service and a webhook of each provider, to be called as providers call. */
import { mkdirSync, readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore } from '../../master/store/store.js';
import { providers } from '../../shared/webhook.js';
import { aNode, aRelease, aService } from './a-model.js';
import { freePorts } from './free-port.js';
import { type Answer, request } from './https-request.js';
import { liveProgram } from './live-program.js';
import { waitFor } from './wait-for.js';

/** Megabytes, beyond which Node.js ends the program: what it has not collected yet makes RSS come and go by less. */
const HEAP = '--max-old-space-size=128';
const cli = fileURLToPath(new URL('../../cli/orca.js', import.meta.url));

/** At most so many connections at once. */
export async function hookedMaster(connections: number) {
  const program = liveProgram();
  const { home } = program;
  mkdirSync(home, { mode: 0o700 });
  const store = openStore(join(home, 'cluster.db'));
  store.write((tx) => {
    tx.putService(aService());
    tx.putRelease(aRelease());
    tx.putNode(aNode());
  });
  await store.close();
  const [port = 0] = await freePorts(1);
  program.start([HEAP, cli, 'server', '--home', home, '--listen', `127.0.0.1:${port}`, '--no-agent']);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const ask = (
    method: string,
    path: string,
    given: Record<string, string>,
    sent?: string | Buffer,
    over: Agent | false = agent,
  ): Promise<Answer> => {
    const ca = readFileSync(join(home, 'ca.pem'));
    const at = { host: '127.0.0.1', port, path: `/api/v1${path}`, method, headers: given, ca, agent: over };
    return request(at, sent);
  };
  const api = async (method: string, path: string, sent?: object) => {
    const token = readFileSync(join(home, 'cluster.token'), 'utf8').trim();
    const answer = await ask(
      method,
      path,
      { authorization: `Bearer ${token}` },
      sent && JSON.stringify(sent),
    );
    return { ...answer, json: JSON.parse(answer.body) as unknown };
  };
  await waitFor('the API to answer', async () => (await api('GET', '/health')).status === 200);
  for (const provider of providers)
    await api('POST', '/webhooks', { repo: 'org/myapp', service_name: 'api', provider });
  return {
    program,
    api,
    post: (path: string, call: { headers: Record<string, string>; body: string | Buffer }): Promise<Answer> =>
      ask('POST', path, call.headers, call.body),
    /** Over a connection of its own. */
    alone: (path: string, call: { headers: Record<string, string>; body: string }): Promise<Answer> =>
      ask('POST', path, call.headers, call.body, false),
    close: async () => {
      agent.destroy();
      await program.stop();
    },
  };
}
