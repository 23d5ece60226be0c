/** What a benchmark answers with: tables of cells that are text already, printed as aligned columns or as Markdown. */
import type { Summary } from './statistics.js';

export interface Table {
  columns: string[];
  rows: string[][];
}

export interface Report {
  /** The name that `--only` takes, and that of its place in docs/benchmarks.md. */
  id: string;
  title: string;
  tables: Table[];
  /** What a reader has to know of how it was measured, or of what went wrong; a sentence each. */
  notes: string[];
}

/** The report for a terminal. */
export function printed(report: Report): string {
  return [report.title, ...report.tables.map(aligned), ...report.notes.map((note) => `  ${note}`)].join(
    '\n\n',
  );
}

/** The report as Markdown, without its title. */
export function asMarkdown(report: Report): string {
  return [...report.tables.map(markdownTable), ...report.notes.map((note) => `- ${note}`)]
    .join('\n\n')
    .replaceAll('\n\n- ', '\n- ')
    .replace('\n- ', '\n\n- ');
}

/** A ratio beside what it should be: `1.42 (aim ≤ 1.5)`, or with `missed` behind it. */
export function ratioCell(ratio: number, aim: { atMost?: number; atLeast?: number }): string {
  const text = ratio.toFixed(2);
  // Judged as it is shown, so that no table says "1.50, missed ≤ 1.5".
  const shown = Number(text);
  const limit = aim.atMost ?? aim.atLeast;
  if (limit === undefined) return text;
  const isMet = aim.atMost === undefined ? shown >= limit : shown <= limit;
  return `${text} (aim ${aim.atMost === undefined ? '≥' : '≤'} ${limit}${isMet ? '' : ', missed'})`;
}

/** `412 ms (398–450)`: the median, and the middle half. */
export function spreadCell({ median, low, high }: Summary, unit: string): string {
  return `${Math.round(median)} ${unit} (${Math.round(low)}–${Math.round(high)})`;
}

function aligned({ columns, rows }: Table): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)));
  const rule = widths.map((width) => '-'.repeat(width));
  return [columns, rule, ...rows]
    .map((line) => `  ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('   ')}`.trimEnd())
    .join('\n');
}

function markdownTable({ columns, rows }: Table): string {
  return [columns, columns.map(() => '---'), ...rows].map((line) => `| ${line.join(' | ')} |`).join('\n');
}
