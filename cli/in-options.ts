/**
 * What the API refuses of a body, for who typed options: the hint names the option in the place of the field, and the command's help in the place of
 * the API's description. PURE.
 */
import { errorTable, OrcaError } from '../shared/errors.js';
import type { Verb } from './verb.js';

/** Fields that are called otherwise than their options. */
const OTHERWISE: Readonly<Record<string, string>> = { service_name: 'service', infra_paths: 'path' };

/** The same error, where it is no such refusal or says itself what to do. */
export function inOptions(error: unknown, { usage, options = [] }: Verb): unknown {
  if (!(error instanceof OrcaError) || error.code !== 'BODY_INVALID') return error;
  if (error.hint !== errorTable.BODY_INVALID.hint) return error;
  const [field = ''] = /^[a-z][a-z0-9_]*/.exec(error.message.replace(/^body[. ]/, '')) ?? [];
  const flag = `--${(OTHERWISE[field] ?? field).replaceAll('_', '-')}`;
  const isOption = options.some(([flags]) => flags.split(/[ ,]+/).includes(flag));
  const command = `\`orca ${usage.split(' ')[0]} --help\` says what each option takes; nothing was changed.`;
  const hint = isOption
    ? `Mend ${flag}: ${command}`
    : `The command's options became what the API refused: ${command}`;
  return new OrcaError(error.code, error.message, { hint, details: error.details, cause: error });
}
