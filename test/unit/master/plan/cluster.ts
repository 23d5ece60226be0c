/** What users do to a simulated cluster: requests go through the same pure functions as the master's. */

import { beginPause, beginPromote, beginResume } from '../../../../master/plan/acts.js';
import {
  beginDeploy,
  beginRedeploy,
  beginRemove,
  beginRollback,
  beginScale,
  beginStart,
  beginStop,
  type Changed,
} from '../../../../master/plan/begin.js';
import { type Move, rebalance } from '../../../../master/plan/rebalance.js';
import type { Begun, ServiceCurrent } from '../../../../master/plan/snapshot.js';
import type { Rollout } from '../../../../shared/model.js';
import type { ServiceSpec } from '../../../../shared/spec.js';
import { SimulatedCluster } from '../../../support/simulated-cluster.js';
import { aContext, aNode, aService, aSnapshot, aSpec, aView } from './things.js';

/** A cluster and its user. */
export class Shop {
  readonly cluster: SimulatedCluster;
  readonly ended: Rollout[] = [];
  #rollouts = 0;

  constructor(spec: ServiceSpec, nodes = 1) {
    const views = Array.from({ length: nodes }, (_, i) => aView(aNode(`n${i + 1}`)));
    this.cluster = new SimulatedCluster(aSnapshot({ service: aService(spec), nodes: views }));
  }

  current(): ServiceCurrent {
    const history = this.cluster.log.flatMap((action) =>
      action.kind === 'put-rollout' ? [action.rollout] : [],
    );
    return { ...this.cluster.snapshot, history };
  }

  deploy(spec: ServiceSpec): Begun {
    return this.#begin(beginDeploy(this.current(), spec, this.#context()));
  }

  redeploy(): Begun {
    return this.#begin(beginRedeploy(this.current(), this.#context()));
  }

  rollback(to: number | null = null): Begun {
    return this.#begin(beginRollback(this.current(), to, this.#context()));
  }

  promote(weight: number | null = null): void {
    this.#act(beginPromote(this.current(), weight, this.#context()));
  }

  pause(): void {
    this.#act(beginPause(this.current(), this.#context()));
  }

  resume(): void {
    this.#act(beginResume(this.current(), this.#context()));
  }

  scale(replicas: number): void {
    this.#change(beginScale(this.current(), replicas, this.cluster.nowMs));
  }

  stop(): void {
    this.#change(beginStop(this.current(), this.cluster.nowMs));
  }

  start(): void {
    this.#change(beginStart(this.current(), this.cluster.nowMs));
  }

  remove(): void {
    this.#change(beginRemove(this.current(), this.cluster.nowMs));
  }

  drain(node: string): void {
    const drain = {
      by: 'ops',
      sinceMs: this.cluster.nowMs,
      service: null,
      blocked: [],
      doneAtMs: null,
    };
    this.cluster.updateNode(node, { drain });
  }

  undrain(node: string): void {
    this.cluster.updateNode(node, { drain: null });
  }

  rebalance(): Move[] {
    const { snapshot } = this.cluster;
    const moves = rebalance(snapshot, snapshot.nodes);
    for (const { allocation } of moves) this.cluster.updateAllocation(allocation.id, { isMoving: true });
    return moves;
  }

  /** The newest state written of the newest rollout. */
  lastRollout(): Rollout | null {
    return this.current().history.at(-1) ?? this.cluster.snapshot.rollout;
  }

  #begin(begun: Begun): Begun {
    if (begun.superseded) this.ended.push(begun.superseded);
    const { snapshot } = this.cluster;
    const rollout = begun.rollout ?? (begun.superseded ? null : snapshot.rollout);
    this.cluster.snapshot = { ...snapshot, service: begun.service, rollout };
    return begun;
  }

  #act(rollout: Rollout): void {
    this.cluster.snapshot = { ...this.cluster.snapshot, rollout };
  }

  #change(changed: Changed): void {
    const isEnded = changed.rollout !== null && changed.rollout.endedAtMs !== null;
    if (changed.rollout && isEnded) this.ended.push(changed.rollout);
    const rollout = isEnded ? null : (changed.rollout ?? this.cluster.snapshot.rollout);
    this.cluster.snapshot = { ...this.cluster.snapshot, service: changed.service, rollout };
  }

  #context() {
    this.#rollouts += 1;
    return aContext({ id: `r${this.#rollouts}`, nowMs: this.cluster.nowMs });
  }
}

/** A shop whose first release runs. */
export function running(spec = aSpec(), nodes = 1): Shop {
  const shop = new Shop(spec, nodes);
  shop.deploy(spec);
  shop.cluster.settle();
  return shop;
}

/** Goes on until a first old allocation has been retired. */
export function untilReplaced(shop: Shop): void {
  for (let i = 0; i < 400 && count(shop, 1, 'routed') === 3; i += 1) {
    shop.cluster.plan();
    shop.cluster.tick(300);
  }
}

/** How many allocations of a release are desired so. */
export function count(shop: Shop, release: number, desired: string): number {
  return shop.cluster.snapshot.allocations.filter((a) => a.release === release && a.desired === desired)
    .length;
}
