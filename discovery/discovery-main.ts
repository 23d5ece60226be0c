/**
 * The companion's program: `node discovery-main.js DIRECTORY DNS-ADDRESS [--inherit]`. Exits with 3 when one already runs there.
 * Killed, it is followed by its standby at once; SIGTERM ends both.
 */
import { INHERIT_FLAG, startStandby } from '../proxy-config/standby.js';
import { takeSignals } from '../shared/take-signals.js';
import { startServer } from './server.js';

process.umask(0o077);
process.on('SIGHUP', () => {});
takeSignals();
process.on('uncaughtException', (error) => console.error(new Date().toISOString(), error));

const [directory, dns, flag] = process.argv.slice(2);
if (directory === undefined || dns === undefined) {
  console.error('usage: discovery-main DIRECTORY DNS-ADDRESS');
  process.exit(2);
}
const running = await startServer(directory, dns, flag === INHERIT_FLAG).catch((error: unknown) => {
  console.error(new Date().toISOString(), 'cannot start', error);
  process.exit(1);
});
if (running === null) {
  console.error(new Date().toISOString(), 'names are served here already');
  process.exit(3);
}
console.error(new Date().toISOString(), 'serving', dns, running.port);

const command = [process.execPath, ...process.execArgv, process.argv[1] ?? '', directory, dns, INHERIT_FLAG];
const standby = startStandby(command, running.listening);
process.on('SIGTERM', () => void standby.release().finally(() => process.exit(0)));
