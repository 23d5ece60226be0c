/** Requests to one agent to remove what is not needed, by the id of each; they end with its session. */
import type { Cleaned, Cleanup } from '../../shared/cleanup.js';
import { OrcaError } from '../../shared/errors.js';

export interface Cleanups {
  /** Rejects with NODE_UNREACHABLE when the session ends, or when there is no answer in time. */
  ask(request: Pick<Cleanup, 'isDry' | 'keep' | 'previews'>): Promise<Cleaned>;
  answered(cleaned: Cleaned): void;
  end(): void;
}

/** Docker takes its time for images of many layers. */
const ANSWER_MS = 120_000;

export function createCleanups(send: (message: Cleanup) => void): Cleanups {
  const waiting = new Map<string, { resolve(cleaned: Cleaned): void; reject(error: Error): void }>();
  let count = 0;
  return {
    ask(request) {
      count += 1;
      const id = `cleanup-${count}`;
      let timer: NodeJS.Timeout | undefined;
      const answer = new Promise<Cleaned>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        timer = setTimeout(
          () => reject(unanswered(`did not answer within ${ANSWER_MS / 1_000} s`)),
          ANSWER_MS,
        );
        send({ type: 'cleanup', id, ...request });
      });
      return answer.finally(() => {
        clearTimeout(timer);
        waiting.delete(id);
      });
    },
    answered: (cleaned) => waiting.get(cleaned.id)?.resolve(cleaned),
    end() {
      for (const { reject } of waiting.values()) reject(unanswered('is gone'));
    },
  };
}

const unanswered = (what: string): OrcaError =>
  new OrcaError('NODE_UNREACHABLE', `the agent ${what}; whether something was removed there is not known`);
