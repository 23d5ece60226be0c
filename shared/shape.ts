/**
 * The shape of a service: how it is served, but for who answers (its names, paths, policies, maintenance). A change of it is made in
 * place; the master marks each state of it, and an ingress says which mark is in force.
 */
import * as z from 'zod';
import { name, reason } from './bounds.js';

/** Of one service, as an ingress sees it. */
export const shapeObservedSchema = z.object({
  /** `project/name`. */
  service: name,
  /** In force: in the records, in the config that Caddy runs, and one refresh has passed. Null: none is, or which is not known. */
  mark: name.nullable(),
  /** What Caddy was to load last and would not: with this mark (null: without the service), and why. Absent: it refused nothing. */
  refused: z.object({ mark: name.nullable(), reason }).optional(),
});
export type ShapeObserved = z.infer<typeof shapeObservedSchema>;
