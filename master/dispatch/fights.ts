/**
 * Two agents with one identity (a host was copied with its home) would take each other's place for ever. A single agent
 * that connects anew never comes back as one that was replaced; two do, in turns: after a few times the one that comes is
 * refused, as long as the other lives. An agent is told by its address and its process.
 */
export interface Claimant {
  address: string;
  pid: number;
}

export interface Takeover {
  atMs: number;
  from: Claimant;
  to: Claimant;
}

/** Agents that were replaced try again after 5 to 10 s, so that a fight shows within half a minute. */
const WINDOW_MS = 120_000;
const COMEBACKS = 3;
const KEPT = 20;

/** PURE: the takeovers that count from now on, and whether the newest one is part of a fight. */
export function judge(
  past: readonly Takeover[],
  next: Takeover,
): { takeovers: Takeover[]; isFight: boolean } {
  if (isSame(next.from, next.to)) return { takeovers: [...past], isFight: false };
  const recent = past.filter(({ atMs }) => next.atMs - atMs <= WINDOW_MS);
  const takeovers = [...recent, next].slice(-KEPT);
  const comebacks = takeovers.filter((one, at) =>
    takeovers.slice(0, at).some((before) => isSame(before.from, one.to)),
  );
  return { takeovers, isFight: comebacks.length >= COMEBACKS };
}

export interface Fights {
  /** Null: it may take the place. Else why not; `isNew` the first time. */
  refuse(node: string, takeover: Takeover): { reason: string; isNew: boolean } | null;
  /** Why this node's identity is in doubt; null once nobody has fought for it for a while. */
  reason(node: string, nowMs: number): string | null;
}

/** Remembers by node: as many as have ids. */
export function createFights(): Fights {
  const byNode = new Map<string, Takeover[]>();
  const refused = new Map<string, { atMs: number; reason: string }>();
  const reason = (node: string, nowMs: number): string | null => {
    const last = refused.get(node);
    return last && nowMs - last.atMs <= WINDOW_MS ? last.reason : null;
  };
  return {
    reason,
    refuse(node, takeover) {
      const { takeovers, isFight } = judge(byNode.get(node) ?? [], takeover);
      byNode.set(node, takeovers);
      if (!isFight) return null;
      const isNew = reason(node, takeover.atMs) === null;
      const why = `two agents have this node's identity, at ${placeOf(takeover.from)} and at ${placeOf(takeover.to)}; on the host that is the copy, move its home's agent folder away and run \`orca join\``;
      refused.set(node, { atMs: takeover.atMs, reason: why });
      return { reason: why, isNew };
    },
  };
}

const isSame = (one: Claimant, other: Claimant): boolean =>
  one.address === other.address && one.pid === other.pid;

const placeOf = ({ address, pid }: Claimant): string => `${address} (process ${pid})`;
