/** Short words for tests of a whole master: its services as the API shows them, and its agent. */
import type { NodeStatus, ServiceStatus, StatusReply } from '../../shared/api.js';
import { type FakeAgent, type FakeAgentOptions, fakeAgent } from './fake-agent.js';
import type { TestMaster } from './test-master.js';

/** A service in file keys, as a client sends it. */
export const aBody = (more: object = {}): object => ({
  name: 'api',
  image: 'app:1',
  port: 8080,
  domain: 'api.example.com',
  ...more,
});

export const statusOf = async (m: TestMaster): Promise<StatusReply> =>
  (await m.api('GET', '/status')).json as StatusReply;

export const serviceOf = async (m: TestMaster, name = 'api'): Promise<ServiceStatus | undefined> =>
  (await statusOf(m)).services.find((service) => service.name === name);

export const nodeOf = async (m: TestMaster): Promise<NodeStatus | undefined> => (await statusOf(m)).nodes[0];

export const agentOf = (m: TestMaster, more: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> =>
  fakeAgent({ home: m.home, port: m.port, ...more });
