/** Text that comes in pieces, as lines: bounded whatever comes, so that a gigabyte without an end of line costs no memory. PURE. */

const MAX_LINE_CHARS = 8_192;

export interface Lines {
  add(text: string): void;
  /** What has no end of line is a line too. */
  end(): void;
}

/** Calls back for each line that is not empty, cut at 8,192 characters, without colours and control characters. */
export function createLines(onLine: (text: string) => void): Lines {
  let rest = '';
  let isCut = false;
  const give = (): void => {
    const shown = plain(rest);
    if (shown !== '') onLine(isCut ? `${shown} …` : shown);
    rest = '';
    isCut = false;
  };
  return {
    add(text) {
      const parts = text.split('\n');
      for (const [at, part] of parts.entries()) {
        const room = MAX_LINE_CHARS - rest.length;
        isCut ||= part.length > room;
        rest += part.slice(0, Math.max(0, room));
        if (at < parts.length - 1) give();
      }
    },
    end: give,
  };
}

/** A carriage return begins the line again, as on a terminal. */
function plain(line: string): string {
  const last = line.split('\r').findLast((part) => part !== '') ?? '';
  return last
    .replace(/\p{Cc}\[[0-9;?]*[A-Za-z]/gu, '')
    .replace(/[^\P{Cc}\t]/gu, '')
    .trimEnd();
}
