/** What an ingress counts of the requests to a release, as it goes from agent to master and is kept there. */
import * as z from 'zod';
import { listOf, name } from './bounds.js';

/** What the ingress saw of the requests that a release of a service answered, counted up since `epoch` began. */
export const figuresSchema = z.object({
  service: name,
  release: z.number().int(),
  requests: z.number().int(),
  /** By class of status: 1xx, 2xx, 3xx, 4xx, 5xx. */
  classes: z.array(z.number().int()).length(5),
  /** By bucket of `shared/latency`; requests that are open by design (WebSockets, event streams) are not timed. */
  latency: listOf(z.number().int(), 1_000),
});
export type Figures = z.infer<typeof figuresSchema>;
