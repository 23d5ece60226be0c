/** What a Dockerfile asks for that only BuildKit does. PURE; the text is whoever pushes', so each line is looked at once, from its beginning. */

/** The first such word, as it stands there; null: there is none. */
export function buildKitWord(text: string): string | null {
  for (const line of text.split('\n')) {
    const [, verb = '', rest = ''] = /^[ \t]*(RUN|COPY|ADD)\b(.*)/i.exec(line) ?? [];
    const found = verb === '' ? null : wordOf(verb.toUpperCase(), rest);
    if (found !== null) return found;
  }
  return null;
}

const OPTIONS: Record<string, readonly string[]> = {
  RUN: ['--mount'],
  COPY: ['--link', '--chmod', '--exclude', '--checksum', '--parents'],
  ADD: ['--link', '--chmod', '--exclude', '--checksum', '--parents'],
};

function wordOf(verb: string, rest: string): string | null {
  for (const word of rest.trim().split(/\s+/)) {
    if (!word.startsWith('--')) break;
    const name = /^--[a-z]+/.exec(word.toLowerCase())?.[0] ?? '';
    if (OPTIONS[verb]?.includes(name)) return name;
  }
  return /<<-?["']?\w{1,100}/.exec(rest)?.[0] ?? null;
}
