/**
 * `${secrets.NAME}` in text, and how a value of a secret is named. Decides what a reference is and refuses what looks like one
 * and is none; a value is put in as it is, so that a reference in it stays text.
 */

/** Letters, digits, "_", "." and "-", such as `db_url`. */
const NAME = /^_?[A-Za-z][A-Za-z0-9_.-]{0,126}$/;

/** Why it is no name for a secret; null: it is one. */
export function secretNameProblem(name: string): string | null {
  if (NAME.test(name)) return null;
  return `must be letters, digits, "_", "." and "-", beginning with a letter, such as "db_url"; it is ${JSON.stringify(cut(name))}`;
}

const cut = (text: string): string => (text.length <= 100 ? text : `${text.slice(0, 100)}…`);

/** Text up to a reference, its name, and so on; the last text is what follows. `problem`: what is no reference. */
type Piece = { text: string } | { name: string } | { problem: string };

const OPENING = '$' + '{secrets';

function piecesOf(template: string): Piece[] {
  const [first = '', ...rest] = template.split(OPENING);
  return [{ text: first }, ...rest.flatMap(afterOpening)];
}

/** `part` follows an opening: `.NAME}` and text. */
function afterOpening(part: string): Piece[] {
  const end = part.indexOf('}');
  const shown = `${OPENING}${end < 0 ? '…' : cut(part.slice(0, end + 1))}`;
  if (end < 0) return [{ problem: `has a reference without its "}"; write ${OPENING}.NAME}` }];
  const name = part.slice(1, end);
  if (!part.startsWith('.') || name === '')
    return [{ problem: `has ${shown}, which names no secret; write ${OPENING}.NAME}` }];
  if (!NAME.test(name))
    return [{ problem: `has ${shown}, which is no name of a secret: letters, digits, "_", "." and "-"` }];
  return [{ name }, { text: part.slice(end + 1) }];
}

/** What is wrong with the references of a text, without the text around them; null: nothing. */
export function referenceProblem(template: string): string | null {
  const found = piecesOf(template).find((piece) => 'problem' in piece);
  return found && 'problem' in found ? found.problem : null;
}

/** The names that a text refers to, each once. */
export function namesIn(template: string): string[] {
  return [...new Set(piecesOf(template).flatMap((piece) => ('name' in piece ? [piece.name] : [])))];
}

/** The names that a container needs: for its environment and its files. */
export function namesOf(container: {
  env: Record<string, string>;
  secretFiles?: { secret: string }[] | undefined;
}): string[] {
  const files = (container.secretFiles ?? []).map(({ secret }) => secret);
  return [...new Set([...Object.values(container.env).flatMap(namesIn), ...files])].sort();
}

/** The text with the values in place of their references. Throws for a name that `find` does not know. */
export function expand(template: string, find: (name: string) => string | undefined): string {
  return piecesOf(template)
    .map((piece) => {
      if ('text' in piece) return piece.text;
      const value = 'name' in piece ? find(piece.name) : undefined;
      if (value === undefined) throw new Error('a secret that is referred to has no value here');
      return value;
    })
    .join('');
}

/** Where a secret is: `project/NAME`, or `/NAME` for one of all projects. */
export const secretKey = (project: string | null, name: string): string => `${project ?? ''}/${name}`;

/** One value that a secret has had: `project/NAME@version`. No two values ever share it. */
export const valueId = (key: string, version: string): string => `${key}@${version}`;

/** The secret that a value is of; names hold no "@". */
export const keyOfValue = (id: string): string => id.slice(0, id.lastIndexOf('@'));

/** In words: `db_url of shop`, or `db_url`. */
export function secretWords(key: string): string {
  const at = key.indexOf('/');
  const name = key.slice(at + 1);
  return at === 0 ? name : `${name} of ${key.slice(0, at)}`;
}
