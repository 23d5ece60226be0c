/**
 * `orca login URL`: keeps a master, its CA and a token for this user. The CA is believed when its fingerprint is the token's or --fingerprint,
 * else when a person says that it is right; nothing is said to the master before. What is kept was tried first.
 */
import type { OwnToken } from '../../shared/api-tokens.js';
import { OrcaError } from '../../shared/errors.js';
import { parseToken } from '../../shared/token-text.js';
import { cleaned } from '../clean.js';
import { createLoginClient } from '../client.js';
import { type Context, optionText } from '../context.js';
import { pinMaster, shownRoot } from '../join/pin.js';
import { writeLogin } from '../login-file.js';
import { localTime } from '../time.js';

export async function login(context: Context): Promise<number> {
  const url = urlOf(context.args[0] ?? '');
  const wanted = fingerprintOf(context);
  const token = await tokenOf(context);
  const ca = await caOf(context, url, wanted ?? parseToken(token)?.caFingerprint ?? null);
  const own = await createLoginClient(url.origin, ca, token).get<OwnToken>('/tokens/self');
  const file = writeLogin(context.io.env, { url: url.origin, ca, token });
  if (context.json) context.output.json({ url: url.origin, file, ...own });
  else tell(context, url, file, cleaned(own));
  return 0;
}

function tell({ output }: Context, url: URL, file: string, own: OwnToken): void {
  const { name, role, projects, expires_at, cluster_name } = own;
  const of = projects === null ? role : `${role} of ${projects.join(', ')}`;
  output.line(`logged in at ${url.origin} (${cluster_name}) as ${name}, ${of}`);
  if (expires_at !== null) output.note(`the token expires at ${localTime(expires_at)}`);
  output.note(`kept in ${file}; \`orca logout\` removes it`);
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'https:' && /^(\/api\/v1)?\/?$/.test(url.pathname)) return url;
  throw new OrcaError(
    'USAGE',
    `the master's address must be such as https://host:6880; it is ${JSON.stringify(text)}`,
  );
}

function fingerprintOf({ options }: Context): string | null {
  const text = optionText(options, 'fingerprint');
  if (text === undefined) return null;
  const hex = text
    .replace(/^sha256:/i, '')
    .replace(/:/g, '')
    .toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  throw new OrcaError(
    'USAGE',
    '--fingerprint must be a SHA-256: 64 hex digits, as `orca token create` prints it',
  );
}

/** Of standard input last: arguments are seen by everybody on this host. */
async function tokenOf({ options, io, output }: Context): Promise<string> {
  const given = optionText(options, 'token');
  if (given !== undefined)
    output.note(
      "warning: a token on the command line is seen by everybody on this host while it runs, and stays in the shell's history; ORCA_TOKEN or standard input show it to nobody",
    );
  const token = (given ?? (io.env.ORCA_TOKEN || undefined) ?? (await io.readSecret('token: '))).trim();
  if (/^\S+$/.test(token)) return token;
  throw new OrcaError('USAGE', 'no token was given', {
    hint: 'Give the token on standard input, as ORCA_TOKEN or with --token; an admin makes one with `orca token create`.',
  });
}

/** The root that is trusted from here on; null: public ones. */
async function caOf(context: Context, url: URL, wanted: string | null): Promise<string | null> {
  if (wanted !== null) return (await pinMaster(url, wanted)).ca;
  const root = await shownRoot(url);
  // An ingress serves the API's own name with a certificate of a public CA, or it is refused by the first request.
  if (root === null) return null;
  context.output.note(`the CA of ${url.origin} has the fingerprint (SHA-256)\n  ${root.fingerprint}`);
  const answer = await context.io.confirm('Is it the one that `orca token create` printed? [y/N] ');
  if (answer === true) return root.ca;
  throw new OrcaError('CA_MISMATCH', `the CA of ${url.origin} was not confirmed`, {
    hint:
      answer === false
        ? 'Compare it with what `orca token create` or `orca certs ca` say on the master; nothing was sent.'
        : 'Nobody is there to be asked: pass --fingerprint, or a token that carries it (those of `orca token create` do); nothing was sent.',
  });
}
