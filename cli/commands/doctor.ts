/**
 * `orca doctor`: what Orca needs on this host, a line each, with what to do about what is missing. It changes nothing;
 * exit code 1 when something is bad.
 */

import { clean } from '../clean.js';
import type { Context } from '../context.js';
import type { Check } from '../doctor/check.js';
import { checkHost } from '../doctor/host.js';
import { checkMaster } from '../doctor/master.js';
import { checkJoined, isJoined } from '../doctor/node.js';
import { homeOf } from '../home.js';

export async function doctor(context: Context): Promise<number> {
  const home = homeOf(context.io.env);
  const checks = isJoined(home)
    ? await checkJoined(home, context.io.env)
    : await checkMasterHost(context, home);
  const bad = checks.filter((check) => !check.ok);
  if (context.json) context.output.json({ ok: bad.length === 0, checks });
  else print(context, checks);
  return bad.length === 0 ? 0 : 1;
}

async function checkMasterHost(context: Context, home: string): Promise<Check[]> {
  const master = await checkMaster(context, home);
  const isUp = master.some((one) => one.name === 'master' && one.ok);
  return [...master, ...(await checkHost(home, context.io.env, isUp))];
}

function print({ output }: Context, checks: Check[]): void {
  const { colors } = output;
  for (const { name, ok, found, todo } of checks) {
    output.line(`${ok ? colors.green('ok ') : colors.red('bad')}  ${name.padEnd(8)}  ${clean(found)}`);
    if (!ok && todo !== '') output.line(`               ${colors.cyan(clean(todo))}`);
  }
}
