/**
 * The ingress role of a node: makes what the master wants routed so, and says what is true of it.
 *
 * Two loops that wake each other: this one publishes records and watches what drains; `edge` looks after Caddy and its
 * config. Promises: nothing here is needed to answer a request (Caddy and the resolver are processes of their own, and
 * are adopted after a restart of the agent), and no fact is said before it holds (see traffic-facts).
 */
import { messageOf } from '../shared/errors.js';
import type { Figures } from '../shared/figures.js';
import { type Loop, startLoop } from '../shared/loop.js';
import type { Endpoint, IngressObserved } from '../shared/protocol.js';
import type { MasterPlace } from './api-site.js';
import { asksForCertificates } from './caddy-version.js';
import { refreshMsFor } from './compile.js';
import { type Edge, startEdge } from './edge.js';
import { handshakeAnswers } from './handshake-challenges.js';
import { type IngressPaths, ingressPaths, makeIngressFolders } from './paths.js';
import { presenceAfter } from './presence.js';
import type { ResolverPorts } from './proxy-handler.js';
import { createPublisher, type Publisher } from './publisher.js';
import type { Ingress } from './route.js';
import { type InForce, inForceOf, type Known, observedOf } from './said.js';
import { countNames } from './segments.js';
import { type PublishedShare, sharesPublished } from './shares.js';
import {
  inFlightOf,
  isSettledOut,
  type Presence,
  type Sample,
  type TrafficFacts,
  trafficFacts,
} from './traffic-facts.js';
import { createTrafficMeter, type TrafficMeter } from './traffic-meter.js';
import { dialOf, endpointOf, type UpstreamMemory, upstreams } from './upstreams.js';

export interface IngressRole {
  /** The complete set to serve, with the revision it came by. Null: no ingress here: Caddy lets its requests finish and ends. */
  apply(ingress: Ingress | null, revision: number): void;
  /** What this node knows of its own allocations, newer than the routes: by allocation id; null: not ready now. */
  setLocal(endpoints: ReadonlyMap<string, Endpoint | null>): void;
  /** What was last seen; null until the first look at what `apply` gave. */
  observed(): IngressObserved | null;
  /** What went through since this role began to count (`epoch`): of measured services, by release; null: none ever was. */
  figures(): { epoch: string; figures: Figures[] } | null;
  /** Stops the watching only: Caddy and the resolver go on. */
  stop(): Promise<void>;
  /** Stops the watching, Caddy and the resolver (uninstall). */
  shutdown(): Promise<void>;
}

export interface IngressOptions {
  /** The Orca home. */
  home: string;
  nodeId: string;
  /** Where the master's API is, for the cluster's own name; absent: it is not served. */
  master?: MasterPlace;
  /** Called when `observed()` has changed. */
  onChange: () => void;
  log: (message: string) => void;
}

const EVERY_MS = 1_000;
const SAMPLE_MS = 50;
const BUSY_SAMPLE_MS = 200;

/** Starts the role; throws when the home's path is too long for its sockets. Nothing runs before the first `apply`. */
export function createIngress(options: IngressOptions): IngressRole {
  const paths = ingressPaths(options.home);
  makeIngressFolders(options.home, paths);
  return new Role(options, paths);
}

class Role implements IngressRole {
  readonly #options: IngressOptions;
  readonly #answerHandshakes: ReturnType<typeof handshakeAnswers>;
  readonly #publisher: Publisher;
  readonly #edge: Edge;
  readonly #loop: Loop;
  #want: { ingress: Ingress; revision: number } | null = null;
  /** What runs is to end, as the role was taken away. */
  #isEnding = false;
  #local: ReadonlyMap<string, Endpoint | null> = new Map();
  #ports: ResolverPorts | null = null;
  #resolverUp = false;
  readonly #meter: TrafficMeter;
  #shares: ReadonlyMap<string, PublishedShare> = new Map();
  #memory: UpstreamMemory = new Map();
  #presence: ReadonlyMap<string, Presence> = new Map();
  #samples: ReadonlyMap<string, Sample> = new Map();
  #observed: { value: IngressObserved; json: string } | null = null;

  constructor(options: IngressOptions, paths: IngressPaths) {
    this.#options = options;
    this.#answerHandshakes = handshakeAnswers(paths.storageRoot);
    this.#meter = createTrafficMeter(paths.trafficPort, options.log);
    const isAsked = () => asksForCertificates(this.#edge.state().version);
    this.#publisher = createPublisher(paths, () => this.#loop.wake(), isAsked);
    this.#edge = startEdge({
      paths,
      master: options.master ?? null,
      want: () => this.#edgeWant(),
      onChange: () => this.#loop.wake(),
      log: options.log,
    });
    this.#loop = startLoop(() => this.#pass(), {
      everyMs: EVERY_MS,
      retryMs: 100,
      onError: (error) => options.log(`records could not be published: ${messageOf(error)}`),
    });
  }

  apply(ingress: Ingress | null, revision: number): void {
    this.#want = ingress === null ? null : { ingress, revision };
    if (ingress === null) this.#observed = null;
    this.#isEnding = ingress === null;
    this.#loop.wake();
    this.#edge.wake();
  }

  setLocal(endpoints: ReadonlyMap<string, Endpoint | null>): void {
    this.#local = new Map(endpoints);
    this.#loop.wake();
  }

  figures(): { epoch: string; figures: Figures[] } | null {
    return this.#meter.figures();
  }

  observed(): IngressObserved | null {
    return this.#observed?.value ?? null;
  }

  async stop(): Promise<void> {
    this.#publisher.stop();
    await this.#edge.stop();
    await this.#loop.stop();
    this.#meter.close();
  }

  async shutdown(): Promise<void> {
    await this.stop();
    await this.#edge.sidecar.shutdown();
    this.#publisher.shutdown();
  }

  async #pass(): Promise<void> {
    const want = this.#want;
    if (want === null) return this.#isEnding ? await this.#end() : undefined;
    const { ingress } = want;
    if (isMeasured(ingress) && (await this.#meter.open())) this.#edge.wake();
    const ports = await this.#publisher.ensure();
    this.#resolverUp = ports !== null;
    if (ports === null) this.#loop.wakeAt(Math.max(this.#publisher.notBeforeMs(), Date.now() + 100));
    else await this.#publish(ingress, ports);
    const first = this.#facts(ingress);
    // Without the resolver Caddy may use a fallback that still holds what drains: what is in flight proves nothing then.
    const isSampled = ports !== null && first.watch.length > 0;
    if (isSampled) await this.#sample(first.watch, ingress);
    const facts = isSampled ? this.#facts(ingress) : first;
    const inForce = inForceOf(this.#known(ingress));
    for (const atMs of [facts.wakeAtMs, ...inForce.wakeAtMs]) if (atMs !== null) this.#loop.wakeAt(atMs);
    if (this.#want === want && this.#edge.hasLooked()) this.#say(want.revision, facts, inForce);
  }

  /** Until a pass has found nothing that runs: a start may have been under way. */
  async #end(): Promise<void> {
    const { sidecar } = this.#edge;
    const wasDead = sidecar.isDead() && !this.#publisher.isRunning();
    await sidecar.shutdown();
    this.#publisher.shutdown();
    if (!wasDead || this.#want !== null) return this.#loop.wakeAt(Date.now() + 250);
    this.#isEnding = false;
  }

  async #publish(ingress: Ingress, ports: ResolverPorts): Promise<void> {
    const { routes, challenges = [] } = ingress;
    const isNew = JSON.stringify(ports) !== JSON.stringify(this.#ports);
    this.#answerHandshakes(challenges);
    const chosen = upstreams({
      routes,
      challenges,
      local: this.#local,
      thisNode: this.#options.nodeId,
      memory: this.#memory,
      sorryPort: ports.sorryPort,
      nowMs: Date.now(),
    });
    const { sinceMs, isStale } = await this.#publisher.publish(chosen.table);
    await this.#publisher.certify(ingress);
    // Caddy may just have picked what was long out of the records: what is known of their age begins anew.
    if (isStale) {
      this.#presence = new Map();
      this.#samples = new Map();
    }
    this.#memory = chosen.memory;
    const [nowMs, before] = [Date.now(), this.#presence];
    this.#presence = presenceAfter({ routes, chosen, sinceMs, before, local: this.#local, nowMs });
    this.#shares = sharesPublished(routes, { sinceMs, nowMs });
    this.#ports = ports;
    this.#meter.follow(routes, (id) => this.#presence.get(id)?.lastEndpoint ?? null);
    if (isNew) this.#edge.wake();
    if (chosen.wakeAtMs !== null) this.#loop.wakeAt(chosen.wakeAtMs);
  }

  /** Looks at what is in flight on those that drain; zeros count only once no request can pick them any more. */
  async #sample(watch: string[], ingress: Ingress): Promise<void> {
    const startedAtMs = Date.now();
    const { sidecar } = this.#edge;
    const counts = sidecar.isDead() ? new Map() : await sidecar.admin.upstreams().catch(() => null);
    if (counts === null) return this.#loop.wakeAt(Date.now() + BUSY_SAMPLE_MS);
    const samples = new Map<string, Sample>();
    const refreshMs = this.#refreshMs(ingress);
    for (const [id, sample] of this.#samples)
      if (this.#presence.get(id)?.endpoint === null) samples.set(id, sample);
    for (const id of watch) {
      const presence = this.#presence.get(id);
      const inFlight = presence?.lastEndpoint ? inFlightOf(presence.lastEndpoint, counts) : 0;
      const isCounted = inFlight === 0 && isSettledOut(presence, refreshMs, startedAtMs);
      samples.set(id, { inFlight, zeros: isCounted ? (samples.get(id)?.zeros ?? 0) + 1 : 0 });
    }
    this.#samples = samples;
    const isBusy = watch.every((id) => (samples.get(id)?.inFlight ?? 0) > 0);
    this.#loop.wakeAt(Date.now() + (isBusy ? BUSY_SAMPLE_MS : SAMPLE_MS));
  }

  #refreshMs(ingress: Ingress): number {
    return Math.max(refreshMsFor(countNames(ingress.routes)), this.#edge.state().refreshMs);
  }

  #facts(ingress: Ingress): TrafficFacts {
    const { loadedNames, loadReason, reason, refusals } = this.#edge.state();
    return trafficFacts({
      routes: ingress.routes,
      presence: this.#presence,
      samples: this.#samples,
      loadedNames,
      loadReason: loadReason ?? reason,
      refusals,
      refreshMs: this.#refreshMs(ingress),
      nowMs: Date.now(),
    });
  }

  #known(ingress: Ingress): Known {
    return {
      routes: ingress.routes,
      published: this.#shares,
      edge: this.#edge.state(),
      isResolved: this.#resolverUp,
      refreshMs: this.#refreshMs(ingress),
      nowMs: Date.now(),
    };
  }

  #say(revision: number, { traffic }: TrafficFacts, { weights, shapes }: InForce): void {
    const known = { edge: this.#edge.state(), isResolved: this.#resolverUp };
    const value = observedOf(revision, known, this.#publisher.reason(), { traffic, weights, shapes });
    const json = JSON.stringify(value);
    if (json === this.#observed?.json) return;
    this.#observed = { value, json };
    this.#options.onChange();
  }

  #edgeWant() {
    const want = this.#want;
    const ports = this.#ports;
    if (want === null || ports === null) return null;
    const trafficPort = this.#meter.port();
    // A config without the port, and soon after one with it, would be two loads.
    if (trafficPort === undefined && isMeasured(want.ingress)) return null;
    return {
      ...{ ingress: want.ingress, ports },
      trafficPort: trafficPort ?? null,
      fallback: () => this.#fallback(want.ingress),
    };
  }

  #fallback(ingress: Ingress): ReadonlyMap<string, string[]> {
    const known = { local: this.#local, thisNode: this.#options.nodeId };
    return new Map(
      ingress.routes.map((route) => {
        const usable = route.allocations.filter(
          (a) => route.wanted && route.maintenance === null && a.desired === 'routed' && a.group === 'stable',
        );
        const dials = usable.flatMap((a) => endpointOf(a, known) ?? []).map(dialOf);
        return [route.service, dials.sort()];
      }),
    );
  }
}

const isMeasured = ({ routes }: Ingress): boolean => routes.some((route) => route.measured);
