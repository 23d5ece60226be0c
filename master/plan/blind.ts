/**
 * A plan for who may only read: it must not say whether a guess at a value of the environment is right, neither by a line nor by what the deploy
 * would come to, and shows no words of the commands that run. PURE.
 */
import type { ServiceSpec } from '../../shared/spec.js';

/** The spec as if the values of variables that the service has already were those that it has. */
export function withKnownValues(spec: ServiceSpec, before: ServiceSpec | null): ServiceSpec {
  if (before === null) return spec;
  const { env } = spec.container;
  const known = before.container.env;
  const same = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, known[key] ?? value]));
  return { ...spec, container: { ...spec.container, env: same } };
}

const WITH_WORDS = /^(command|entrypoint|readiness|liveness|build|deploy\.pre_deploy): /;

/** The lines of its changes, without what stands or stood there. */
export const withoutWords = (changes: readonly string[]): string[] =>
  changes.map((line) => (WITH_WORDS.test(line) ? `${WITH_WORDS.exec(line)?.[1]}: changed` : line));
