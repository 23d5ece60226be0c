/** Messages of the protocol, sound and of any content, as each side would send them: what the fuzzing starts from. */
import fc from 'fast-check';
import { type AgentMessage, type MasterMessage, PROTOCOL_VERSION } from '../../shared/protocol.js';
import { anAllocation, anAssignment } from '../unit/agent/an.js';

const text = fc.string({ maxLength: 24, unit: 'binary' });
const maybeText = fc.option(text);
const id = fc.constantFrom('a', 'b', 'shop.api.1', '__proto__', 'constructor', 'recall-1', 'logs-1', '');
const number = fc.integer({ min: -2, max: 50 });
const count = fc.nat({ max: 1_000 });
const anything = fc.dictionary(fc.oneof(id, text), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });

const observed = fc.record({
  id,
  state: fc.constantFrom('pending', 'ready', 'exited', 'failed', 'gone'),
  reason: maybeText,
  sinceMs: number,
  restarts: number,
  exitCode: fc.option(number),
  lastLogs: fc.array(text, { maxLength: 3 }),
  endpoint: fc.option(fc.record({ address: text, port: number })),
  containerId: maybeText,
});

const assignment = fc
  .record({
    revision: number,
    ids: fc.array(id, { maxLength: 3 }),
    origin: anything,
    ingress: fc.option(anything),
    labels: fc.dictionary(text, text, { maxKeys: 3 }),
    counters: fc.dictionary(fc.oneof(id, text), number, { maxKeys: 3 }),
  })
  .map(({ ids, origin, labels, ...more }) =>
    anAssignment({
      ...more,
      allocations: ids.map((one) => anAllocation({ id: one, origin })),
      images: ids.map((one) => ({ id: one, ref: 'app:1', pull: 'never' as const, imageId: null })),
      node: { labels, cordoned: false },
    }),
  );

const beats = ['ping', 'pong'].map((type) => fc.record({ type: fc.constant(type), number }));

export const hello = fc.record({
  type: fc.constant('hello'),
  protocol: fc.oneof(
    { weight: 5, arbitrary: fc.constant(PROTOCOL_VERSION) },
    { weight: 1, arbitrary: number },
  ),
  facts: fc.record({
    ...{ name: text, address: text, version: text, os: text, arch: text },
    ...{ cpus: number, memoryBytes: count, pid: fc.constant(1), recalls: fc.boolean() },
  }),
  revision: fc.constantFrom(0, 0, 0, 1, 7, -1),
});

const buildObserved = fc.record({
  ...{
    state: fc.constantFrom('queued', 'cloning', 'building', 'done', 'failed', 'cancelled'),
    reason: maybeText,
  },
  ...{
    commit: maybeText,
    author: maybeText,
    subject: maybeText,
    tag: maybeText,
    sizeBytes: fc.option(count),
  },
  ...{
    startedAtMs: fc.option(count),
    endedAtMs: fc.option(count),
    lastLogs: fc.array(text, { maxLength: 2 }),
  },
});

/** What an agent says after its hello. */
export const agentMessages = fc.oneof(
  fc.record({ type: fc.constant('receipt'), revision: number, accepted: fc.boolean(), reason: maybeText }),
  fc.record({
    type: fc.constant('status'),
    ...{ number, revision: number, observedAtMs: count },
    engine: fc.record({
      state: fc.constantFrom('up', 'down'),
      version: text,
      apiVersion: text,
      reason: maybeText,
    }),
    allocations: fc.array(observed, { maxLength: 4 }),
    images: fc.array(
      fc.record({
        ...{ id, state: fc.constantFrom('pulling', 'ready', 'failed'), percent: fc.option(number) },
        ...{ imageId: maybeText, digest: maybeText, reason: maybeText },
        build: fc.option(buildObserved, { nil: undefined }),
      }),
      { maxLength: 2 },
    ),
    ingress: fc.constant(null),
    discovery: fc.option(
      fc.record({
        ...{ state: fc.constantFrom('running', 'down', 'off'), reason: maybeText },
        projects: fc.array(text, { maxLength: 2 }),
        draining: fc.array(fc.record({ allocation: id, connections: number }), { maxLength: 2 }),
      }),
    ),
  }),
  fc.record({
    type: fc.constant('figures'),
    epoch: text,
    figures: fc.array(
      fc.record({
        ...{ service: id, release: number, requests: count },
        classes: fc.array(count, { minLength: 5, maxLength: 5 }),
        latency: fc.array(count, { maxLength: 5 }),
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    ...{ type: fc.constant('logs-lines'), id },
    lines: fc.array(fc.record({ atMs: count, stream: fc.constantFrom('stdout', 'stderr'), text })),
  }),
  fc.record({ type: fc.constant('logs-end'), id, reason: maybeText }),
  fc.record({
    ...{ type: fc.constant('recalled'), id, problem: maybeText, assignment: fc.option(assignment) },
    containers: fc.array(fc.record({ id: text, allocation: id, isAlive: fc.boolean() }), { maxLength: 2 }),
    labelled: fc.constant([]),
    observed: fc.array(observed, { maxLength: 2 }),
  }),
  fc.record({
    ...{ type: fc.constant('cleaned'), id, problem: maybeText, diskUsedPercent: fc.option(number) },
    images: fc.array(fc.record({ tag: text, sizeBytes: count }), { maxLength: 2 }),
  }),
  fc.record({
    ...{ type: fc.constant('source-read'), id, problem: maybeText, commit: maybeText },
    files: fc.array(fc.record({ path: text, text }), { maxLength: 2 }),
  }),
  ...beats,
) as fc.Arbitrary<AgentMessage>;

/** What a master says. */
export const masterMessages = fc.oneof(
  assignment,
  fc.record({ type: fc.constant('status-receipt'), number }),
  fc.record({
    ...{ type: fc.constant('logs-open'), id, allocation: id, tail: fc.option(number) },
    ...{ sinceMs: fc.option(number), follow: fc.boolean() },
  }),
  fc.record({ type: fc.constant('logs-close'), id }),
  fc.record({ type: fc.constant('recall'), id: fc.oneof(id, text), cluster: text }),
  fc.record({
    type: fc.constant('cleanup'),
    id,
    isDry: fc.boolean(),
    keep: fc.array(text, { maxLength: 2 }),
  }),
  fc.record({
    ...{ type: fc.constant('read-source'), id, webhook: id, repo: text, ref: text },
    ...{ commit: fc.constantFrom(null, 'a'.repeat(40)), paths: fc.array(text, { maxLength: 2 }) },
    ...{ insecureHttp: fc.boolean(), deployKey: fc.constant(null), token: fc.constant(null) },
  }),
  ...beats,
) as fc.Arbitrary<MasterMessage>;
