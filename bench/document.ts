/** docs/benchmarks.md: each report has its place between two markers there, and only that place is written. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asMarkdown, type Report } from './report.js';

const path = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

/** Puts a report where the document holds its place; an error when a marker is missing. */
export function writeReport(report: Report, measuredOn: string): void {
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, withReport(text, report, measuredOn));
}

/** The document with that one place replaced. */
export function withReport(text: string, report: Report, measuredOn: string): string {
  const begin = `<!-- bench:${report.id} -->`;
  const end = `<!-- /bench:${report.id} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from)
    throw new Error(`docs/benchmarks.md has no place for ${report.id} (${begin} … ${end})`);
  const body = `\n${asMarkdown(report)}\n\n_Measured ${measuredOn}_\n`;
  return text.slice(0, from + begin.length) + body + text.slice(to);
}
