/** Looks for texts in files and other bytes, also as hex and base64, in which they would be as readable. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The texts that are in the bytes. */
export function foundIn(bytes: Buffer, texts: readonly string[]): string[] {
  return texts.filter((text) => formsOf(text).some((form) => bytes.includes(form)));
}

/** `file: text` for every file below the folder that holds one of the texts. */
export function foundBelow(folder: string, texts: readonly string[]): string[] {
  return filesBelow(folder).flatMap((path) =>
    foundIn(readFileSync(path), texts).map((text) => `${path}: ${text}`),
  );
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** Base64 depends on where in a longer text it begins: what is the same in all three places is looked for. */
function formsOf(text: string): string[] {
  const hex = Buffer.from(text).toString('hex');
  const base64 = [0, 1, 2].map((shift) => {
    const whole = Buffer.from(`${'x'.repeat(shift)}${text}`)
      .toString('base64')
      .replace(/=+$/, '');
    return whole.slice(shift === 0 ? 0 : 4, -2);
  });
  return [text, hex, ...base64];
}
