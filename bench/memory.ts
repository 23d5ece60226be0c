/** Resident memory of the programs while nothing happens. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Orca } from '../test/support/orca.js';
import { median, type Section, table } from './table.js';

const aims: Record<string, string> = { server: '≤ 100 MB', agent: '≤ 60 MB' };

export async function benchMemory(orca: Orca): Promise<Section> {
  const { services } = await orca.status();
  await pause(20_000);
  const rows: string[][] = [];
  for (const which of ['server', 'agent', 'resolver', 'caddy'] as const) {
    const pid = orca.pid(which);
    const samples: number[] = [];
    for (let sample = 0; sample < 10; sample += 1) {
      samples.push(residentMb(pid));
      await pause(500);
    }
    rows.push([which, `${median(samples).toFixed(0)} MB`, aims[which] ?? 'none']);
  }
  return {
    title: `Memory, idle, ${services.length} services`,
    how: 'Resident set (VmRSS), median of 10 samples over 5 s, 20 s after the last change. The server is the master.',
    table: table(['program', 'RSS', 'aim'], rows),
  };
}

function residentMb(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)?.[1]) / 1_024;
}
