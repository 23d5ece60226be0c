/** Infrastructure repositories (docs/webhooks.md): a push deploys every service that their files name, and what became of each. */
import type { ServiceKey } from './spec.js';

/** Where a webhook's files are. */
export interface InfraSource {
  /** What git clones. */
  url: string;
  /** Globs of the files. */
  paths: string[];
  /** Whether what is no longer there is removed. */
  prune: boolean;
  /** Names of secrets of all projects; null: none is needed. */
  deployKey: string | null;
  token: string | null;
  insecureHttp: boolean;
}

/** Where `orca deploy` finds them too. */
export const INFRA_PATHS = ['services/*/service.toml', 'services/*/service.yaml', 'services/*/service.yml'];

export interface InfraOutcome {
  /** The commit that was read. */
  commit: string | null;
  /** In the order of the files. */
  services: { service: ServiceKey; change: string; rollout: string | null }[];
  /** What is stopped, which no push starts. */
  stopped: ServiceKey[];
  /** What the webhook deployed once and the repository no longer has: removed if it prunes, else left alone. */
  gone: ServiceKey[];
  isPruned: boolean;
}

/** In the place of a service: no project has such a name, so that only who may see all projects sees it. */
export const infraKey = (webhook: string): ServiceKey => `*/${webhook}`;
export const isInfraKey = (service: ServiceKey): boolean => service.startsWith('*/');
