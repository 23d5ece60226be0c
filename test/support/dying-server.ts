/**
 * A program: `orca server` whose master can be told to die. It counts its commits in the file `steps` of the folder it runs in,
 * from whatever number stands there, and kills itself (SIGKILL) at the one that the file `die-at` names. Without that
 * file it lives. Flags are those of `orca server`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { masterProgram } from '../../master/program.js';

await masterProgram(process.argv.slice(2), {
  store: {
    onCommit: () => {
      if (!existsSync('steps')) return;
      const step = Number(readFileSync('steps', 'utf8')) + 1;
      writeFileSync('steps', String(step));
      if (existsSync('die-at') && step === Number(readFileSync('die-at', 'utf8')))
        process.kill(process.pid, 'SIGKILL');
    },
  },
});
