/**
 * The steps of whole rollouts on a simulated cluster, kept in test/golden/rollout-*.json: the input, then each write of
 * the planner with its time. `UPDATE_GOLDEN=1` writes them anew; read the difference before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { Action } from '../../../../master/plan/snapshot.js';
import type { DeploySpec } from '../../../../shared/spec.js';
import { Shop } from './cluster.js';
import { aSpec } from './things.js';

interface Golden {
  title: string;
  input: {
    nodes: number;
    replicas: number;
    deploy: Partial<DeploySpec>;
    volume: string | null;
    /** Requests, each made when the one before has come to rest, or after so many ms of it. */
    requests: { do: string; restAfterMs: number | null }[];
  };
  steps: string[];
}

const folder = 'test/golden';
const files = readdirSync(folder).filter((name) => /^rollout-.*\.json$/.test(name));

t.ok(files.length > 0, 'there are golden files');
for (const file of files) {
  const path = `${folder}/${file}`;
  const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;
  t.test(golden.title, async (t) => {
    const steps = run(golden.input);
    if (process.env.UPDATE_GOLDEN === '1') {
      writeFileSync(path, `${JSON.stringify({ ...golden, steps }, null, 2)}\n`);
    }
    t.same(steps, golden.steps);
  });
}

function run(input: Golden['input']): string[] {
  const specOf = (image: string) =>
    aSpec({
      replicas: input.replicas,
      container: { image, volumes: input.volume === null ? [] : [{ name: input.volume, path: '/data' }] },
      deploy: input.deploy,
    });
  const shop = new Shop(specOf('good:1'), input.nodes);
  const steps: string[] = [];
  for (const { do: request, restAfterMs } of input.requests) {
    steps.push(`-- ${request}`);
    ask(shop, request, specOf);
    steps.push(...follow(shop, restAfterMs ?? 120_000));
  }
  return steps;
}

function ask(shop: Shop, request: string, specOf: (image: string) => ReturnType<typeof aSpec>): void {
  const [verb, argument = ''] = request.split(' ');
  if (verb === 'deploy') shop.deploy(specOf(argument));
  else if (verb === 'rollback') shop.rollback();
  else if (verb === 'scale') shop.scale(Number(argument));
  else if (verb === 'promote') shop.promote(argument === '' ? null : Number(argument));
  else if (verb === 'pause') shop.pause();
  else if (verb === 'resume') shop.resume();
  else if (verb === 'stop') shop.stop();
  else if (verb === 'crash') shop.cluster.crash(argument);
  else throw new Error(`unknown request ${request}`);
}

function follow(shop: Shop, forMs: number): string[] {
  const { cluster } = shop;
  const startMs = cluster.nowMs;
  const steps: string[] = [];
  let waits = '';
  let state = cluster.snapshot.rollout?.state ?? null;
  while (cluster.nowMs - startMs < forMs) {
    const plan = cluster.plan();
    const at = `${((cluster.nowMs - startMs) / 1_000).toFixed(2)} s`;
    const actions = plan.actions.filter((action) => isStep(action, state));
    state = cluster.snapshot.rollout?.state ?? null;
    for (const action of actions) steps.push(...lineOf(action).map((line) => `${at}  ${line}`));
    if (plan.waits.join('; ') !== waits) steps.push(`${at}  waits: ${plan.waits.join('; ') || 'no more'}`);
    waits = plan.waits.join('; ');
    cluster.tick(250);
  }
  return steps;
}

/** A rollout that only says anew what it waits for is told by the waits. */
function isStep(action: Action, state: string | null): boolean {
  return action.kind !== 'put-rollout' || action.rollout.state !== state;
}

function lineOf(action: Action): string[] {
  switch (action.kind) {
    case 'create-allocation': {
      const { id, release, slot, node, group } = action.allocation;
      const of = group === 'stable' ? '' : `${group} `;
      return [`create ${of}${id}: v${release}, slot ${slot}, ${node}`];
    }
    case 'set-desired':
      return [`${action.id} is to be ${action.desired}`];
    case 'set-group':
      return [`${action.id} is of group ${action.group}`];
    case 'delete-allocation':
      return [`forget ${action.id}`];
    case 'put-rollout':
      return [`rollout ${action.rollout.id} ${action.rollout.state}: ${action.rollout.reason}`];
    case 'put-release':
      return [`release v${action.release.number}: ${action.release.image.id}`];
    case 'delete-release':
      return [`drop release v${action.number}`];
    case 'put-planned':
      return [];
    case 'put-settings':
      return [`in force: ${action.settings.replicas} replicas, ${action.settings.spec.domains.join(', ')}`];
    case 'start-service':
      return ['the service is to run'];
    case 'delete-service':
      return ['forget the service'];
    case 'event':
      return action.event.kind === 'placed' ? [] : [`event: ${action.event.message}`];
  }
}
