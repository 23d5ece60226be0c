/** `GET /adopt` shows what runs on held nodes and what taking it over comes to; `POST /adopt` does it. For admins only. */
import * as z from 'zod';
import { type AdoptReply, adoptReplySchema, adoptRequestSchema } from '../../shared/api-adopt.js';
import type { Rollout, Service } from '../../shared/model.js';
import { ofCluster } from './access.js';
import type { Adopt, Adoptable, Built } from './ports.js';
import { answer, type Route, route, unset } from './route.js';

export function adoptRoutes(adopt: Adopt, nodeName: (id: string) => string): Route[] {
  return [
    route('GET /adopt', {
      summary: 'What runs on held nodes, and what adopting it comes to; changes nothing',
      touches: ofCluster('rule', 'adopting what runs'),
      query: z.object({ nodes: unset(z.string().describe('names or ids with commas between them')) }),
      reply: adoptReplySchema,
      run: async ({ query }) => {
        const names = (query.nodes ?? '').split(',').filter((name) => name !== '');
        return answer(adoptView(await adopt.show(names), false, nodeName));
      },
    }),
    route('POST /adopt', {
      summary: 'Takes over what runs on held nodes, without touching a container',
      touches: ofCluster('rule', 'adopting what runs'),
      body: adoptRequestSchema,
      reply: adoptReplySchema,
      run: async ({ body, actor }) => {
        const found = await adopt.apply(body.nodes ?? [], body.partial === true, actor.by);
        return answer(adoptView(found, true, nodeName));
      },
    }),
  ];
}

function adoptView(found: Adoptable, adopted: boolean, nodeName: (id: string) => string): AdoptReply {
  return {
    adopted,
    nodes: found.nodes.map(({ node, ...rest }) => ({ node_id: node, ...rest })),
    away: found.away.map(({ name, why }) => ({ name, reason: why })),
    services: found.services.map((built) => serviceView(built, nodeName)),
    stopped: found.idle.map(({ state }) => state.service.key),
    missing: found.missing,
    conflicts: found.conflicts,
  };
}

function serviceView(
  { state, unknown }: Built,
  nodeName: (id: string) => string,
): AdoptReply['services'][number] {
  const { service, releases, rollout, allocations } = state;
  const { stable } = service.planned;
  const imageOf = (number: number): string => releases.find((r) => r.number === number)?.image.ref ?? '';
  return {
    service: service.name,
    project: service.project,
    image: service.spec.container.image,
    release: stable === null ? null : `v${stable}`,
    replicas: service.replicas,
    domains: service.spec.domains,
    ports: service.spec.container.extraPorts.map(({ host, protocol }) => `${host}/${protocol}`),
    rollout: rollout && `${rollout.kind} of v${rollout.release}: ${rolloutWords(service, rollout)}`,
    copies: allocations.map(({ id, node, slot, group, release, desired, observed }) => ({
      ...{ id, node: nodeName(node), slot, group },
      release: `v${release}`,
      image: imageOf(release),
      state: desired === 'draining' || desired === 'stopped' ? desired : (observed?.state ?? 'unknown'),
    })),
    unknown,
  };
}

function rolloutWords({ planned }: Service, { state }: Rollout): string {
  return state === 'canary' ? `canary with ${planned.canaryWeight} %` : state.replace('_', ' ');
}
