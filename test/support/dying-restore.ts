/**
 * A program: restores the backup FILE into HOME and kills itself (SIGKILL) just before the n-th rename, counted over all of
 * them. `dying-restore.js HOME FILE N`.
 */
import fs, { createReadStream } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { restoreHome } from '../../master/backup/restore.js';

const [home = '', file = '', dieAt = ''] = process.argv.slice(2);
const rename = fs.renameSync;
let renames = 0;
fs.renameSync = (from, to) => {
  renames += 1;
  if (renames === Number(dieAt)) process.kill(process.pid, 'SIGKILL');
  rename(from, to);
};
syncBuiltinESMExports();
await restoreHome({ home, source: createReadStream(file), force: true });
