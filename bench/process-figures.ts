/** What the kernel says that a process needs. */
import { readFileSync } from 'node:fs';

/** VmRSS of /proc/PID/status (proc(5)), in units of 1,000,000 bytes. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024) / 1e6;
}

/** Processor time so far, ms: utime and stime of /proc/PID/stat are in ticks of 10 ms (proc(5); USER_HZ is 100 on Linux). */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
