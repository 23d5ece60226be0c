/** The API over two projects, with tokens that are limited to one of them and tokens that are not. */
import type { Test } from 'tap';
import { aNode, aRollout, aService } from './a-model.js';
import { anApi, withService } from './an-api.js';

/** Two projects, shop and blog, each with a service called api, and one of shop's own. */
export async function twoProjects(t: Test) {
  const made = await anApi(t);
  const { store, access } = made;
  withService(store);
  store.write((tx) => {
    const blog = { project: 'blog', key: 'blog/api' };
    tx.putService(aService(blog));
    tx.putRollout(aRollout({ id: 'r-blog', service: 'blog/api', state: 'succeeded', endedAtMs: 9 }));
    tx.putService(aService({ project: 'blog', name: 'only', key: 'blog/only' }));
    for (const service of ['shop/api', 'blog/api', null])
      tx.addEvent({ atMs: 1, kind: 'k', service, node: null, rollout: null, message: `of ${service}` });
    const drain = {
      by: 'x',
      sinceMs: 1,
      service: 'blog/api',
      blocked: [{ service: 'blog/only', reason: 'why' }],
      doneAtMs: null,
    };
    tx.putNode(aNode({ drain }));
  });
  const one = (role: 'deployer' | 'viewer', projects: string[] | null) =>
    access.tokens.create({ name: `${role}${projects?.length ?? ''}`, role, projects }, 'admin').text;
  return {
    ...made,
    shop: one('deployer', ['shop']),
    eyes: one('viewer', ['shop']),
    hands: one('deployer', null),
  };
}

/** The body of a deploy of one service. */
export const services = (project: string) => [
  { name: 'new', project, image: 'app:1', port: 80, domain: `${project}.example.com` },
];
