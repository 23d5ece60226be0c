/**
 * What the ingresses said of allocations, as one word, and why copies that are ready are not all served. PURE. One that is
 * not connected is asked nothing: with another one beside it, it doesn't count; without, nobody knows.
 */
import type { AllocationView } from '../../shared/api.js';
import type { Node } from '../../shared/model.js';
import type { Traffic } from '../../shared/protocol.js';
import type { ServiceSpec } from '../../shared/spec.js';

/**
 * By allocation: `routed` only where every connected ingress says so, else what one that doesn't says. Without any connected
 * one, what each said last.
 */
export function trafficOf(nodes: Iterable<Node>): Map<string, Traffic> {
  const ingresses = [...nodes].filter((node) => node.ingress);
  const live = ingresses.filter(isLive);
  const asked = live.length > 0 ? live : ingresses;
  const said = asked.map(
    ({ ingressObserved }) => new Map(ingressObserved?.traffic.map((one) => [one.allocation, one])),
  );
  const traffic = new Map<string, Traffic>();
  for (const allocation of new Set(said.flatMap((own) => [...own.keys()]))) {
    const words = said.map((own) => own.get(allocation) ?? unsaid(allocation));
    const word = words.find(({ state }) => state !== 'routed') ?? words[0];
    const inFlight = words.reduce((sum, one) => sum + one.inFlight, 0);
    if (word) traffic.set(allocation, { ...word, inFlight });
  }
  return traffic;
}

/** Why fewer than `wanted` of `views`, which are ready, are served; null when as many are. */
export function notServed(
  views: readonly AllocationView[],
  wanted: number,
  nodes: Iterable<Node>,
  traffic: ReadonlyMap<string, Traffic>,
): string | null {
  const ingresses = [...nodes].filter((node) => node.ingress);
  const live = ingresses.filter(isLive);
  if (live.length === 0) return noIngress(ingresses);
  const down = live.find(({ ingressObserved }) => (ingressObserved?.caddy ?? 'running') !== 'running');
  if (down) return `${who(down)} does not run${because(down.ingressObserved?.reason)}`;
  if (views.filter(({ routed }) => routed).length >= wanted) return null;
  const missing = views.find((view) => !view.routed);
  return missing ? `${missing.id} is not routed yet${because(traffic.get(missing.id)?.reason)}` : null;
}

/** Why a connected ingress serves it otherwise than it asks; null: none does. */
export function servedOtherwise(
  { httpOnly }: Pick<ServiceSpec, 'httpOnly'>,
  nodes: Iterable<Node>,
): string | null {
  const older = httpOnly
    ? [...nodes].find((node) => node.ingress && isLive(node) && !node.facts.httpOnly)
    : null;
  return older
    ? `${who(older)} is of an older Orca that knows no http_only, and sends its clients to HTTPS: orca nodes upgrade ${older.facts.name}`
    : null;
}

const unsaid = (allocation: string): Traffic => ({ allocation, state: 'pending', inFlight: 0, reason: null });

const isLive = ({ connectedAtMs, reported }: Node): boolean => connectedAtMs !== null && reported;

const who = ({ facts }: Node): string => `the ingress on ${facts.name}`;

const because = (reason: string | null | undefined): string => (reason ? `: ${reason}` : '');

function noIngress(ingresses: readonly Node[]): string {
  const names = ingresses.map(({ facts }) => facts.name).join(', ');
  return names === '' ? 'no node has the ingress role' : `no ingress node is connected (${names})`;
}
