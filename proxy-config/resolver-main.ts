/** The resolver's program: `node resolver-main.js DIRECTORY`. Exits with 3 when one already runs there. */
import { startResolver } from './resolver.js';

process.umask(0o077);
process.on('SIGHUP', () => {});
process.on('uncaughtException', (error) => console.error(new Date().toISOString(), error));

const directory = process.argv[2];
if (directory === undefined) {
  console.error('usage: resolver-main DIRECTORY');
  process.exit(2);
}
const running = await startResolver(directory).catch((error: unknown) => {
  console.error(new Date().toISOString(), 'cannot start', error);
  process.exit(1);
});
if (running === null) {
  console.error(new Date().toISOString(), 'a resolver already runs here');
  process.exit(3);
}
console.error(new Date().toISOString(), 'serving', running.ports);
