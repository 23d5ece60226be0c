/** Tells whoever waits how far a benchmark is; goes to standard error, away from the tables. */
export type Progress = (line: string) => void;

/** A line that replaces itself on a terminal; elsewhere a line each. */
export function showProgress(stream: NodeJS.WriteStream): Progress {
  return (line) => stream.write(stream.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}
