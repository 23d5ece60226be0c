import t from 'tap';
import { withAdvice } from '../../../agent/words.js';

t.test('what Docker refused is said with what to do about it, in the words of the file', async (t) => {
  const missing = 'exec: "./migrate": stat ./migrate: no such file or directory: unknown.';
  t.match(withAdvice(missing), /unknown; change command or entrypoint: the image has no such program$/);
  t.match(withAdvice(missing, true), /unknown; change pre_deploy: the image has no such program$/);
  t.match(withAdvice('no space left on device', true), /; free space on the disk/);
  t.equal(withAdvice('nobody knows'), 'nobody knows');
});
