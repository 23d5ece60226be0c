/** Questions to one agent of what it runs, by the id of each; they end with its session. */
import { OrcaError } from '../../shared/errors.js';
import type { MasterMessage, Recalled } from '../../shared/protocol.js';

export interface Recalls {
  /** Rejects with NODE_UNREACHABLE when the session ends, or after `timeoutMs` (null: it may take its time). */
  ask(timeoutMs: number | null): Promise<Recalled>;
  answered(recalled: Recalled): void;
  end(): void;
}

/** As long as somebody who asks for it waits. */
export const RECALL_MS = 10_000;

export function createRecalls(cluster: string, send: (message: MasterMessage) => void): Recalls {
  const waiting = new Map<string, { resolve(recalled: Recalled): void; reject(error: Error): void }>();
  let count = 0;
  return {
    ask(timeoutMs) {
      count += 1;
      const id = `recall-${count}`;
      let timer: NodeJS.Timeout | undefined;
      const answer = new Promise<Recalled>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        if (timeoutMs !== null)
          timer = setTimeout(
            () => reject(unanswered(`did not answer within ${timeoutMs / 1_000} s`)),
            timeoutMs,
          );
        send({ type: 'recall', id, cluster });
      });
      return answer.finally(() => {
        clearTimeout(timer);
        waiting.delete(id);
      });
    },
    answered: (recalled) => waiting.get(recalled.id)?.resolve(recalled),
    end() {
      for (const { reject } of waiting.values()) reject(unanswered('is gone'));
    },
  };
}

const unanswered = (what: string): OrcaError =>
  new OrcaError('NODE_UNREACHABLE', `the agent ${what}; what it runs is not known`);
