/** PEM (RFC 7468) as people hand it over: blocks with text around them, any line ends. Decides nothing of what they hold. */

export interface PemBlock {
  /** Such as `CERTIFICATE` or `EC PRIVATE KEY`. */
  label: string;
  /** With its first and last line. */
  text: string;
}

/** A block that does not end is none. */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { label: string; lines: string[] } | null = null;
  for (const line of text.split(/\r\n?|\n/).map((one) => one.trim())) {
    const begin = /^-----BEGIN ([A-Z0-9 ]+)-----$/.exec(line)?.[1];
    if (begin !== undefined) open = { label: begin, lines: [] };
    open?.lines.push(line);
    if (open === null || line !== `-----END ${open.label}-----`) continue;
    blocks.push({ label: open.label, text: `${open.lines.join('\n')}\n` });
    open = null;
  }
  return blocks;
}

/** Also the older kind, whose label says nothing of it. */
export const isEncrypted = ({ label, text }: PemBlock): boolean =>
  label.startsWith('ENCRYPTED ') || /^Proc-Type: 4,ENCRYPTED/m.test(text);
