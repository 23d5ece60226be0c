/** The table of docs/tokens.md: what each kind of token may do with each path, made of the decision that is enforced. PURE. */
import { type Kind, kinds, verdictOf } from './access.js';
import type { Route } from './route.js';

type Touched = Pick<Route, 'method' | 'path' | 'touches' | 'isRoot'>;

const cells = { yes: 'yes', own: 'own', no: '–' } as const;

/** Lines of Markdown; `own`: of its own projects. */
export function roleTable(routes: readonly Touched[]): string {
  const head = ['', ...kinds, 'no token'];
  const rows = [...routes]
    .sort(byPlace)
    .map((route) => [`\`${route.method} ${route.path}\``, ...verdictsOf(route)]);
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function verdictsOf({ touches }: Touched): string[] {
  if (touches.what === 'open') return ['open', ...kinds.slice(1).map(() => 'open'), 'open'];
  return [...kinds.map((kind: Kind) => cells[verdictOf(touches, kind)]), '–'];
}

const byPlace = (one: Touched, other: Touched): number =>
  one.path === other.path ? (one.method < other.method ? -1 : 1) : one.path < other.path ? -1 : 1;
