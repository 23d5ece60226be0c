/** Figures as tables: what was measured, beside what it is measured against, in one run. */

export interface Comparison {
  what: string;
  /** One figure a repetition, in `unit`; the medians are compared. */
  ours: number[];
  theirs: number[];
  unit: 'ms' | 'req/s';
  against: string;
  /** What we aim at, such as `≤ 1.5`. */
  aim: string;
}

export interface Section {
  title: string;
  /** How it was measured, in a sentence. */
  how: string;
  /** Markdown. */
  table: string;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? (sorted[half] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
}

/** Rows with median and range of both sides, and the ratio of the medians. */
export function comparisonTable(rows: Comparison[]): string {
  const head = ['what', 'Orca', 'against', 'that', 'ratio', 'aim', 'rounds'];
  return table(
    head,
    rows.map(({ what, ours, theirs, unit, against, aim }) => [
      what,
      figures(ours, unit),
      against,
      figures(theirs, unit),
      (median(ours) / median(theirs)).toFixed(2),
      aim,
      String(ours.length),
    ]),
  );
}

export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function figures(values: number[], unit: string): string {
  const whole = (value: number): string => Math.round(value).toLocaleString('en');
  return `${whole(median(values))} ${unit} (${whole(Math.min(...values))}–${whole(Math.max(...values))})`;
}
