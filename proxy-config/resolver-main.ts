/**
 * The resolver's program: `node resolver-main.js DIRECTORY [--inherit]`. Exits with 3 when one already runs there. Killed,
 * it is followed by its standby at once; SIGTERM ends both.
 */
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { takeSignals } from '../shared/take-signals.js';
import { dropStale } from './closing.js';
import { CLOSING_FILE } from './closing-route.js';
import { startResolver } from './resolver.js';
import { INHERIT_FLAG, INHERITED, startStandby } from './standby.js';

const STALE_MS = 5_000;
/**
 * While Caddy looks one name up, requests of all names wait (2.6.2): of a busy machine's processors the resolver, which needs little, gets its share first. With load
 * on 90 services 0.97 of a Caddyfile's requests per second in place of 0.92, on two cores that the load shared.
 */
const NICE = -10;

process.umask(0o077);
process.on('SIGHUP', () => {});
takeSignals();
try {
  setPriority(NICE);
} catch {
  // Without root it has the priority of all.
}
process.on('uncaughtException', (error) => console.error(new Date().toISOString(), error));

const [directory, flag] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: resolver-main DIRECTORY');
  process.exit(2);
}
const running = await startResolver(directory, flag === INHERIT_FLAG ? INHERITED : null).catch(
  (error: unknown) => {
    console.error(new Date().toISOString(), 'cannot start', error);
    process.exit(1);
  },
);
if (running === null) {
  console.error(new Date().toISOString(), 'a resolver already runs here');
  process.exit(3);
}
const { certificateKey, ...ports } = running.ports;
console.error(new Date().toISOString(), 'serving', ports);

const command = [process.execPath, ...process.execArgv, process.argv[1] ?? '', directory, INHERIT_FLAG];
const standby = startStandby(command, running.listening);
// An agent that was killed just before a load has left it, and may be away for long.
setInterval(() => dropStale(join(directory, 'closing', CLOSING_FILE), STALE_MS), STALE_MS).unref();
process.on('SIGTERM', () => void standby.release().finally(() => process.exit(0)));
