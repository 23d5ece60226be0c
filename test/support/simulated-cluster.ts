/**
 * A cluster in memory for tests of the planner: agents that converge their containers on the last assignment they got,
 * an ingress on each ingress node, sessions that can be cut, and a clock that only `tick` moves. No I/O, no randomness.
 * What an image does is said by its name: `good…` gets ready after 1 s, `slow…` after 5 s, `exits…` exits after 500 ms,
 * `never…` stays starting, `absent…` can't be pulled, `unmakeable…` can't be made into a container.
 */
import { assignmentOf } from '../../master/plan/assignments.js';
import { planService } from '../../master/plan/plan.js';
import type { Action, NodeView, Plan, ServiceSnapshot } from '../../master/plan/snapshot.js';
import type { Route } from '../../proxy-config/route.js';
import type { Allocation, Counted, Node, Service } from '../../shared/model.js';
import type { AllocationAssignment } from '../../shared/protocol.js';
import {
  type Container,
  enter,
  type Host,
  imageOf,
  ingressOf,
  isMakeable,
  liveOn,
  newHost,
  observedOf,
  routeOn,
  shapeOn,
} from './simulated-host.js';
import { judged } from './simulated-judgements.js';

export class SimulatedCluster {
  nowMs = 1_000_000;
  snapshot: ServiceSnapshot;
  readonly hosts: Map<string, Host>;
  /** Every action applied, oldest first. */
  readonly log: Action[] = [];
  /** What must never happen and did. */
  readonly faults: string[] = [];
  /** Requests in flight on an allocation when its drain begins; each second one ends. */
  inFlight = 2;
  /** What the ingress has counted; nothing by itself. */
  figures: Counted[] = [];

  constructor(snapshot: ServiceSnapshot) {
    this.snapshot = snapshot;
    this.hosts = new Map(snapshot.nodes.map(({ node }) => [node.id, newHost(node.id)]));
  }

  /** Plans once and applies the plan in one go (or not at all, as if the master died before its transaction). */
  plan(isDropped = false): Plan {
    this.snapshot = judged(this.snapshot, this.nowMs);
    const plan = planService({ ...this.snapshot, figures: this.figures }, this.nowMs);
    if (!isDropped) for (const action of plan.actions) this.apply(action);
    return plan;
  }

  /** Time passes; then hosts work, report, and get their newest assignment, as far as they are connected. */
  tick(ms: number): void {
    this.nowMs += ms;
    for (const host of this.hosts.values()) {
      this.work(host);
      if (host.isConnected) this.report(host);
      if (host.isConnected) this.deliver(host);
      this.work(host);
    }
  }

  /**
   * Ticks and plans until nothing is left to do or to wait for, and hosts have reported since; false when that does not come within
   * `steps`.
   */
  settle(steps = 400, ms = 500): boolean {
    this.tick(ms);
    let quiet = 0;
    for (let step = 0; step < steps; step += 1) {
      const plan = this.plan();
      const isQuiet = plan.actions.length === 0 && (plan.waits.length === 0 || this.isAtRest(plan));
      quiet = isQuiet ? quiet + 1 : 0;
      if (quiet === 2) return true;
      this.tick(plan.wakeAtMs === null ? ms : Math.max(1, Math.min(ms, plan.wakeAtMs - this.nowMs)));
    }
    return false;
  }

  connect(id: string): void {
    const host = this.host(id);
    if (host.isConnected) return;
    host.isConnected = true;
    this.updateNode(id, { connectedAtMs: this.nowMs, awaySinceMs: null, reported: false });
  }

  disconnect(id: string): void {
    this.host(id).isConnected = false;
    this.updateNode(id, { connectedAtMs: null, awaySinceMs: this.nowMs, reported: false });
  }

  isLost(id: string): boolean {
    return this.snapshot.nodes.some(({ node }) => node.id === id && node.presence === 'lost');
  }

  /** A container ends by itself. */
  crash(allocation: string): void {
    for (const host of this.hosts.values()) {
      const container = host.containers.get(allocation);
      if (container && ['ready', 'starting'].includes(container.state))
        enter(container, 'exited', this.nowMs);
    }
  }

  /** Allocations that really get and answer requests now. */
  serving(): Allocation[] {
    return this.snapshot.allocations.filter((a) => {
      const container = this.host(a.node).containers.get(a.id);
      if (container?.state !== 'ready') return false;
      if (this.domains().length > 0)
        return this.ingressHosts().every((h) => h.routing.get(a.id)?.state === 'routed');
      return this.nowMs - container.sinceMs >= this.snapshot.service.spec.deploy.minHealthyMs;
    });
  }

  containers(): number {
    return [...this.hosts.values()].reduce((sum, host) => sum + host.containers.size, 0);
  }

  host(id: string): Host {
    const host = this.hosts.get(id);
    if (!host) throw new Error(`no host ${id}`);
    return host;
  }

  /** Nothing has ever succeeded, and nothing is left: that stays a wait until somebody deploys. */
  private isAtRest({ waits }: Plan): boolean {
    const { rollout, service, allocations } = this.snapshot;
    const hasNothing = rollout === null && service.planned.stable === null && allocations.length === 0;
    return hasNothing && waits.length === 1;
  }

  private updateService(change: Partial<Service>): void {
    this.snapshot = { ...this.snapshot, service: { ...this.snapshot.service, ...change } };
  }

  private domains(): string[] {
    return this.snapshot.service.spec.domains;
  }

  private ingressHosts(): Host[] {
    return this.snapshot.nodes.filter(({ node }) => node.ingress).map(({ node }) => this.host(node.id));
  }

  /* ---- the master's side ------------------------------------------------------------------------------------- */

  private apply(action: Action): void {
    this.log.push(action);
    const s = this.snapshot;
    switch (action.kind) {
      case 'create-allocation':
        this.snapshot = { ...s, allocations: [...s.allocations, action.allocation] };
        break;
      case 'set-desired':
        this.checkForward(action);
        this.updateAllocation(action.id, {
          desired: action.desired,
          drainingSinceMs: action.drainingSinceMs,
        });
        break;
      case 'set-group':
        this.updateAllocation(action.id, { group: action.group });
        break;
      case 'delete-allocation':
        this.snapshot = { ...s, allocations: s.allocations.filter((a) => a.id !== action.id) };
        break;
      case 'put-rollout':
        this.snapshot = { ...s, rollout: action.rollout.endedAtMs === null ? action.rollout : null };
        break;
      case 'put-release':
        this.snapshot = { ...s, releases: [...s.releases, action.release] };
        break;
      case 'delete-release':
        this.checkUnused(action.number);
        this.snapshot = { ...s, releases: s.releases.filter((r) => r.number !== action.number) };
        break;
      case 'put-planned':
        this.updateService({ planned: action.planned });
        break;
      case 'put-settings':
        this.updateService(action.settings);
        break;
      case 'start-service':
        this.updateService({ desired: 'running' });
        break;
      case 'delete-service':
        if (s.allocations.length > 0) this.faults.push('the service was deleted before its allocations');
        break;
      case 'event':
    }
  }

  private checkForward({ id, desired }: Extract<Action, { kind: 'set-desired' }>): void {
    const order = ['running', 'routed', 'draining', 'stopped'];
    const before = this.snapshot.allocations.find((a) => a.id === id)?.desired ?? 'stopped';
    // What drains may be wanted again, as long as it was not told to stop.
    const isBack = before === 'draining' && desired !== 'stopped';
    if (order.indexOf(desired) <= order.indexOf(before) && !isBack)
      this.faults.push(`${id} went from ${before} to ${desired}`);
  }

  private checkUnused(release: number): void {
    const isUsed = this.snapshot.allocations.some((a) => a.release === release);
    if (isUsed) this.faults.push(`release ${release} was deleted under its allocations`);
  }

  updateAllocation(id: string, change: Partial<Allocation>): void {
    const allocations = this.snapshot.allocations.map((a) => (a.id === id ? { ...a, ...change } : a));
    this.snapshot = { ...this.snapshot, allocations };
  }

  updateNode(id: string, change: Partial<Node>): void {
    const update = (view: NodeView): NodeView =>
      view.node.id === id ? { ...view, node: { ...view.node, ...change } } : view;
    this.snapshot = { ...this.snapshot, nodes: this.snapshot.nodes.map(update) };
  }

  private deliver(host: Host): void {
    const view = this.snapshot.nodes.find(({ node }) => node.id === host.id);
    if (view === undefined) return;
    const certificate = { names: [], certPem: '', keyPem: '' };
    const silent = this.snapshot.nodes.filter(({ node }) => node.presence !== 'present');
    host.assignment = assignmentOf({
      cluster: 'test',
      node: view.node,
      unreachable: new Set(silent.map(({ node }) => node.id)),
      services: [this.snapshot],
      ingress: {
        httpPort: 80,
        httpsPort: 443,
        caddy: 'auto',
        certificates: new Map(this.domains().map((domain) => [domain, certificate])),
        fallbackCertificate: certificate,
      },
    });
  }

  private report(host: Host): void {
    for (const assigned of host.assignment?.allocations ?? []) {
      this.updateAllocation(assigned.id, { observed: observedOf(assigned, host) });
    }
    this.updateNode(host.id, {
      reported: true,
      presence: 'present',
      images: [...host.images.values()],
      ingressObserved: ingressOf(host, this.nowMs),
    });
  }

  /* ---- a host's side -------------------------------------------------------------------------------------------- */

  private work(host: Host): void {
    const { assignment } = host;
    if (assignment === null) return;
    for (const assigned of assignment.allocations) this.converge(assigned, host);
    for (const id of host.containers.keys()) {
      if (!assignment.allocations.some((a) => a.id === id)) host.containers.delete(id);
    }
    host.images = new Map(assignment.images.map((want) => [want.id, imageOf(want, host.lost)]));
    const routes = (assignment.ingress?.routes ?? []) as Route[];
    shapeOn(host, routes, this.nowMs);
    routeOn(
      host,
      routes.flatMap((route) => route.allocations),
      this.nowMs,
      this.inFlight,
    );
  }

  private converge(assigned: AllocationAssignment, host: Host): void {
    const container = host.containers.get(assigned.id);
    if (assigned.desired === 'stopped') {
      if (container) this.stop(assigned, container, host);
    } else if (!container) {
      const state = isMakeable(assigned, host) ? 'starting' : 'failed';
      host.containers.set(assigned.id, { state, sinceMs: this.nowMs, restarts: 0 });
    } else {
      liveOn(assigned, container, this.nowMs);
    }
  }

  private stop(assigned: AllocationAssignment, container: Container, host: Host): void {
    if (container.state !== 'stopping') {
      this.checkUnrouted(assigned.id);
      enter(container, 'stopping', this.nowMs);
    } else if (this.nowMs - container.sinceMs >= 1_000) {
      host.containers.delete(assigned.id);
    }
  }

  /** The worst there is: a container that stops while an ingress hands it requests. */
  private checkUnrouted(id: string): void {
    const routing = this.ingressHosts().find((h) => h.isConnected && h.routing.get(id)?.state === 'routed');
    if (routing) this.faults.push(`${id} was stopped while ${routing.id} routed to it`);
  }
}
