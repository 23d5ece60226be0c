/** What cluster.toml says of who may use the API, and of how long it is remembered what they did. */
import { z } from 'zod';
import { dnsLabel, duration, nonEmpty } from './fields.js';
import type { Problem } from './problem.js';

const DAY_MS = 86_400_000;

/** Of `[cluster]`. */
export const accessKeys = {
  audit_retention: duration(DAY_MS, 3_650 * DAY_MS).optional(),
};

export const tokenTable = z.strictObject({
  name: nonEmpty,
  value: nonEmpty,
  role: z.enum(['admin', 'deployer', 'viewer']).optional(),
  projects: z.array(dnsLabel).min(1).optional(),
});

/** Of the Rust Orca's `[[token]]` and `api_tokens`; the latter have the role admin. `projects`: null: all. */
export interface ConfigToken {
  name: string;
  value: string;
  role: 'admin' | 'deployer' | 'viewer';
  projects: string[] | null;
}

type TokenTable = z.output<typeof tokenTable>;

export function checkTokens(tokens: readonly TokenTable[]): Problem[] {
  return tokens.flatMap(({ role, projects }, index): Problem[] =>
    projects === undefined || (role !== undefined && role !== 'admin')
      ? []
      : [
          {
            path: ['token', index, 'projects'],
            message: 'needs role = "deployer" or "viewer": an admin is one of all projects',
          },
        ],
  );
}

export const tokensOf = (tables: readonly TokenTable[], bare: readonly string[]): ConfigToken[] => [
  ...tables.map(({ name, value, role, projects }) => ({
    name,
    value,
    role: role ?? ('admin' as const),
    projects: projects ?? null,
  })),
  ...bare.map((value, index) => ({
    name: `api_tokens[${index}]`,
    value,
    role: 'admin' as const,
    projects: null,
  })),
];

/** 16 characters of a hand's choice; what Orca makes itself has 256 random bits. */
const SHORTEST = 16;
/** Different ones among them. */
const FEWEST = 6;

/** One that can be guessed: the files of the Rust Orca load as they are, so that it is said and not refused. */
export const isWeak = ({ value }: Pick<ConfigToken, 'value'>): boolean =>
  value.length < SHORTEST || new Set(value).size < FEWEST;

/** A sentence for each. */
export const weakTokenNotes = (tokens: readonly ConfigToken[]): string[] =>
  tokens
    .filter(isWeak)
    .map(
      ({ name }) =>
        `the token "${name}" of cluster.toml can be guessed: give it ${SHORTEST} random characters or more (\`openssl rand -hex 32\`), or make one with \`orca token create\``,
    );
