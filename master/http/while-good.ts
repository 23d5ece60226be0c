/** A wait that ends with the token of who waits, and then with that as its error. */
import { OrcaError } from '../../shared/errors.js';
import type { Caller, Tokens } from './access-ports.js';

/** What `wait` answers; `gone` is aborted when the token is good no more, and then it throws NOT_AUTHENTICATED. Null: nobody's token. */
export async function whileGood<T>(
  tokens: Pick<Tokens, 'attend'>,
  caller: Caller | null,
  gone: AbortController,
  wait: () => Promise<T>,
): Promise<T> {
  if (caller === null) return await wait();
  let isOver = false;
  const leave = tokens.attend(caller, () => {
    isOver = true;
    gone.abort();
  });
  try {
    const waited = await wait();
    if (!isOver) return waited;
    throw new OrcaError(
      'NOT_AUTHENTICATED',
      `the token "${caller.name}" is good no more: nothing is waited for`,
      {
        hint: 'What was begun goes on. Ask for it (`orca status`) with a token that is good.',
      },
    );
  } finally {
    leave();
  }
}
