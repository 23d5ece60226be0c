/**
 * In which order waiting builds come: each project has one turn before any has a second, first the one whose last turn is longest ago, the oldest of
 * its builds first. So a project that wants many builds waits for the others, and not they for it. PURE.
 */
export interface Waiting {
  /** Sorts by its age. */
  id: string;
  project: string;
}

/** `served`: the projects of the builds that had their turn, the last one last. */
export function inTurn(waiting: readonly Waiting[], served: readonly string[]): string[] {
  const left = [...waiting].sort((a, b) => (a.id < b.id ? -1 : 1));
  const turns = [...served];
  const order: string[] = [];
  while (left.length > 0) {
    const ago = ({ project }: Waiting): number => turns.lastIndexOf(project);
    const next = left.reduce((best, one) => (ago(one) < ago(best) ? one : best));
    left.splice(left.indexOf(next), 1);
    turns.push(next.project);
    order.push(next.id);
  }
  return order;
}
