/** What a route has beyond names and allocations, at its plainest: no canary, nothing measured, no maintenance. */
import type { Route } from '../../proxy-config/route.js';

export const plainRoute = {
  wanted: true,
  canaryWeight: 0,
  sticky: false,
  boundaries: [],
  groupHeader: false,
  measured: false,
  maintenance: null,
} satisfies Partial<Route>;
