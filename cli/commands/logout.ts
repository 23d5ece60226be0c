/** `orca logout`: forgets the master and the token that `orca login` kept. The token itself goes on; `orca token revoke` ends it. */
import type { Context } from '../context.js';
import { loginFile, removeLogin } from '../login-file.js';

export async function logout({ io, json, output }: Context): Promise<number> {
  const file = loginFile(io.env);
  const removed = removeLogin(io.env);
  if (json) output.json({ removed, file });
  else
    output.line(removed ? `logged out: ${file} is removed; the token itself goes on` : 'nobody is logged in');
  return 0;
}
