/** Labels as they are typed: `key=value`. */
import { OrcaError } from '../shared/errors.js';

/** Throws USAGE for what is not such a pair; `where` is what they were given to. */
export function readLabels(pairs: readonly string[], where: string): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, key, value] = /^([^=\s]+)=(.*)$/.exec(pair) ?? [];
      if (key === undefined || value === undefined)
        throw new OrcaError(
          'USAGE',
          `${where} takes labels such as zone=eu-1; ${JSON.stringify(pair)} is not`,
        );
      return [key, value];
    }),
  );
}
