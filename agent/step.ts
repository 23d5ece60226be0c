/** Steps as data: what the plan wants done, complete enough to be done without a further decision. */

import type { BuildOrder } from '../shared/build.js';
import type { CarryFetch } from '../shared/carry.js';
import type { AllocationAssignment, ImageWant } from '../shared/protocol.js';

/** Steps with one key never run at the same time; steps with different keys do. */
interface Keyed {
  key: string;
}

export type Step = Keyed &
  (
    | { kind: 'create-network'; project: string; name: string }
    | { kind: 'remove-network'; id: string; name: string }
    /** `imageId` null: whatever `ref` is; else that very image. `want`: the image want it answers, or null. */
    | {
        kind: 'resolve-image';
        want: string | null;
        ref: string;
        pull: ImageWant['pull'];
        imageId: string | null;
      }
    /** From a node that has it, for no registry does; `tags` keep it here. */
    | { kind: 'fetch-image'; wanted: CarryFetch; tags: string[] }
    | { kind: 'build-image'; want: string; order: BuildOrder }
    | {
        kind: 'create-container';
        name: string;
        allocation: AllocationAssignment;
        network: string;
        attempt: number;
        level: number;
      }
    /** `allocation`: where it has secrets as files, which a host that was started again has lost. */
    | { kind: 'start-container'; id: string; allocation?: AllocationAssignment }
    | { kind: 'stop-container'; id: string; graceMs: number }
    | { kind: 'remove-container'; id: string }
    | { kind: 'read-logs'; id: string; allocation: string; lines: number }
    | { kind: 'tag-image'; imageId: string; tag: string }
    | { kind: 'untag-image'; tag: string }
  );

export type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

export const allocationKey = (id: string): string => `allocation:${id}`;
export const containerKey = (id: string): string => `container:${id}`;
export const networkKey = (name: string): string => `network:${name}`;
export const imageKey = (id: string): string => `image:${id}`;
export const tagKey = (tag: string): string => `tag:${tag}`;
