/** What who deploys by hand is told of services that an infrastructure repository deploys. */
import { type ServiceSpec, serviceKey } from '../../shared/spec.js';
import type { Store } from '../store/store.js';

export function managedNotes(
  store: Pick<Store, 'service' | 'webhook'>,
  specs: readonly Pick<ServiceSpec, 'project' | 'name'>[],
): string[] {
  return specs.flatMap(({ project, name }) => {
    const { managedBy } = store.service(serviceKey(project, name)) ?? {};
    const webhook = managedBy === undefined ? undefined : store.webhook(managedBy);
    if (!webhook?.infra) return [];
    return `${name} is managed by the webhook ${webhook.id} of ${webhook.repo}: the next push brings back what the repository says`;
  });
}
