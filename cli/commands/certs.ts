/** `orca certs`: what names are served with, and why; `add` and `rm` a certificate of the user's, `ca` prints the cluster's root, `retry`
 *  has a name tried by ACME that waits. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CertificateAdded, CertificatesReply, ClusterCa } from '../../shared/api-certificates.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { certificateTable } from '../certificate-table.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';
import { localTime } from '../time.js';

const MAX_BYTES = 256 * 1024;

export async function certs(context: Context): Promise<number> {
  const [action = 'list', name] = context.args;
  if (action === 'list' && name === undefined) return await list(context);
  if (action === 'ca' && name === undefined) return await ca(context);
  if (action === 'list' || action === 'ca')
    throw new OrcaError('USAGE', `orca certs ${action} takes no name; it is "${name}"`);
  if (action !== 'add' && action !== 'rm' && action !== 'retry')
    throw new OrcaError('USAGE', `there is no "orca certs ${action}"; there are list, add, rm, retry and ca`);
  if (name === undefined) throw new OrcaError('USAGE', `say which: orca certs ${action} NAME`);
  return await { add, rm: remove, retry }[action](context, name);
}

async function list(context: Context): Promise<number> {
  const reply = await (await context.connect()).get<CertificatesReply>('/certs');
  if (context.json) context.output.json(reply);
  else if (reply.certificates.length === 0)
    context.output.line('no names are served yet; a service with a domain brings one');
  else certificateTable(context.output, cleaned(reply).certificates, Date.now());
  return 0;
}

async function ca(context: Context): Promise<number> {
  const reply = await (await context.connect()).get<ClusterCa>('/certs/ca');
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ca.trimEnd());
  return 0;
}

async function add(context: Context, name: string): Promise<number> {
  const body = { cert: textOf(context, 'cert'), key: textOf(context, 'key') };
  const client = await context.connect();
  const reply = await client.put<CertificateAdded>(pathOf(name), body);
  if (context.json) context.output.json(reply);
  else {
    const { names, issuer, expires_at } = cleaned(reply);
    const until = localTime(expires_at);
    context.output.line(
      `ok ${reply.name} is for ${names.join(', ')}, of ${issuer}, and lasts until ${until}`,
    );
  }
  return 0;
}

async function remove(context: Context, name: string): Promise<number> {
  const reply = await (await context.connect()).delete<{ ok: string }>(pathOf(name));
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok);
  return 0;
}

async function retry(context: Context, name: string): Promise<number> {
  const reply = await (await context.connect()).post<{ ok: string }>(`${pathOf(name)}/retry`, {});
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok);
  return 0;
}

const pathOf = (name: string): string => `/certs/${encodeURIComponent(name)}`;

/** What the file of an option holds; what is in it is never printed. */
function textOf({ options, io }: Context, option: 'cert' | 'key'): string {
  const given = optionText(options, option);
  if (given === undefined)
    throw new OrcaError('USAGE', 'name both files: orca certs add NAME --cert FILE --key FILE');
  const path = resolve(io.cwd, given);
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new Error('it is no file');
    if (stat.size > MAX_BYTES) throw new Error('it is far larger than a certificate');
    if (option === 'key' && (stat.mode & 0o007) !== 0) throw isOpen(path, stat.mode);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof OrcaError) throw cause;
    throw new OrcaError('USAGE', `--${option} ${path} can't be read: ${messageOf(cause)}`, {
      cause,
      hint: `Name a PEM file with --${option}.`,
    });
  }
}

function isOpen(path: string, mode: number): OrcaError {
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  return new OrcaError('USAGE', `--key ${path} can be read by everybody on this host (mode ${octal})`, {
    hint: `chmod 600 ${path}, and consider whether it is still a secret.`,
  });
}
