/** Requests to one agent to read files of a repository, by the id of each; they end with its session. */
import { randomBytes } from 'node:crypto';
import { OrcaError } from '../../shared/errors.js';
import { READ_MS, type ReadSource, type SourceRead } from '../../shared/sources.js';

export type SourceRequest = Omit<ReadSource, 'type' | 'id'>;

export interface SourceReads {
  /** Rejects with NODE_UNREACHABLE when the session ends, or when there is no answer in time. */
  ask(request: SourceRequest): Promise<SourceRead>;
  answered(read: SourceRead): void;
  end(): void;
}

/** The node may have others to read before. */
const ANSWER_MS = 3 * READ_MS;

export function createSourceReads(send: (message: ReadSource) => void): SourceReads {
  const waiting = new Map<string, { resolve(read: SourceRead): void; reject(error: Error): void }>();
  return {
    ask(request) {
      const id = `read-${randomBytes(6).toString('hex')}`;
      let timer: NodeJS.Timeout | undefined;
      const answer = new Promise<SourceRead>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        timer = setTimeout(
          () => reject(unanswered(`did not answer within ${ANSWER_MS / 1_000} s`)),
          ANSWER_MS,
        );
        send({ type: 'read-source', id, ...request });
      });
      return answer.finally(() => {
        clearTimeout(timer);
        waiting.delete(id);
      });
    },
    answered: (read) => waiting.get(read.id)?.resolve(read),
    end() {
      for (const { reject } of waiting.values()) reject(unanswered('is gone'));
    },
  };
}

const unanswered = (what: string): OrcaError =>
  new OrcaError('NODE_UNREACHABLE', `the agent that was to read the repository ${what}`);
