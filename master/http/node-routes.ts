/** What is asked of a node; `:id` takes its id, its name or its address. */
import * as z from 'zod';
import { labelChangeSchema, nodeRoleSchema, nodeUpgradeReplySchema } from '../../shared/api-nodes.js';
import { ofCluster } from './access.js';
import type { Commands, UpgradeNode } from './ports.js';
import { answer, flag, isSet, type Route, route } from './route.js';

const ok = z.object({ ok: z.string() });

const verbs = {
  cordon: {
    summary: 'No new allocations on this node',
    done: 'is cordoned',
    run: (commands: Commands, id: string, by: string) => commands.cordon(id, true, by),
  },
  uncordon: {
    summary: 'New allocations may come again',
    done: 'is uncordoned',
    run: (commands: Commands, id: string, by: string) => commands.cordon(id, false, by),
  },
  drain: {
    summary: 'Moves away what runs on this node, one service at a time, start-first',
    done: 'is being drained',
    run: (commands: Commands, id: string, by: string) => commands.drain(id, by),
  },
  undrain: {
    summary: 'Ends its drain; what has left stays where it is',
    done: 'is not drained any more',
    run: (commands: Commands, id: string, by: string) => commands.undrain(id, by),
  },
} as const;

export function nodeRoutes(commands: Commands, upgrade: UpgradeNode): Route[] {
  return [
    ...Object.entries(verbs).map(([verb, { summary, done, run }]) =>
      route(`POST /cluster/nodes/:id/${verb}`, {
        touches: ofCluster('change', 'a node'),
        summary,
        reply: ok,
        run: ({ params, actor }) => {
          run(commands, params.id ?? '', actor.by);
          return answer({ ok: `node ${params.id} ${done}` });
        },
      }),
    ),
    route('POST /cluster/nodes/:id/labels', {
      touches: ofCluster('change', 'a node'),
      summary: 'Sets and removes labels; what runs is not moved by it',
      body: labelChangeSchema,
      reply: z.object({ labels: z.record(z.string(), z.string()) }),
      run: ({ params, body, actor }) => {
        const change = { set: body.set ?? {}, remove: body.remove ?? [] };
        return answer({ labels: commands.label(params.id ?? '', change, actor.by) });
      },
    }),
    route('POST /cluster/nodes/:id/role', {
      summary: 'Gives a node the ingress role (it runs Caddy), or takes it away',
      touches: ofCluster('rule', 'what a node is'),
      body: nodeRoleSchema,
      reply: ok,
      run: ({ params, body, actor }) => {
        commands.role(params.id ?? '', body.role === 'ingress', actor.by);
        return answer({ ok: `node ${params.id} has the role ${body.role}` });
      },
    }),
    route('POST /cluster/nodes/:id/upgrade', {
      summary: 'Has its agent replace itself by what this master serves; its status says what comes of it',
      touches: ofCluster('rule', 'what a node is'),
      reply: nodeUpgradeReplySchema,
      run: async ({ params, actor }) => {
        const { isThere, ...upgraded } = await upgrade(params.id ?? '', actor.by);
        return answer({ ...upgraded, is_there: isThere });
      },
    }),
    route('DELETE /cluster/nodes/:id', {
      summary:
        'Forgets a node and its certificate; ?force=true also gives up what is on it, which is stopped there unless ?keep=true',
      touches: ofCluster('rule', 'what a node is'),
      query: z.object({ force: flag, keep: flag }),
      reply: ok,
      run: ({ params, query, actor }) => {
        const left = commands.removeNode(params.id ?? '', isSet(query.force), actor.by, isSet(query.keep));
        return answer({ ok: `node ${params.id} is removed${left}` });
      },
    }),
  ];
}
