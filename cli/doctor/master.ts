/** Doctor's questions about the home, the token, the master and its nodes. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterInfo, Health } from '../../shared/api.js';
import { errorTable, messageOf, OrcaError } from '../../shared/errors.js';
import { type Context, optionText } from '../context.js';
import { readIfThere } from '../home.js';
import type { Check } from './check.js';

export async function checkMaster(context: Context, home: string): Promise<Check[]> {
  return [checkHome(home), checkToken(context, home), ...(await checkApi(context))];
}

function checkHome(home: string): Check {
  const name = 'home';
  const remedy = 'start the master (`orca server`), or set ORCA_HOME to the home that it uses';
  if (!existsSync(home)) return { name, ok: false, found: `${home} does not exist`, todo: remedy };
  const open = (statSync(home).mode & 0o077) !== 0;
  if (open) return { name, ok: false, found: `${home} is open to other users`, todo: `chmod 700 ${home}` };
  return { name, ok: true, found: home, todo: '' };
}

function checkToken(context: Context, home: string): Check {
  const name = 'token';
  if (optionText(context.options, 'token') ?? context.io.env.ORCA_TOKEN) {
    return { name, ok: true, found: 'given by --token or ORCA_TOKEN', todo: '' };
  }
  const path = join(home, 'cluster.token');
  if (readIfThere(path) === null) {
    return {
      name,
      ok: false,
      found: `${path} can't be read`,
      todo: 'run as the user who owns the home, or set ORCA_TOKEN',
    };
  }
  const open = (statSync(path).mode & 0o077) !== 0;
  return {
    name,
    ok: !open,
    found: open ? `${path} is readable by others` : path,
    todo: open ? `chmod 600 ${path}` : '',
  };
}

async function checkApi(context: Context): Promise<Check[]> {
  try {
    const client = await context.connect();
    const { reason = null } = await client.get<Health>('/health');
    const reached: Check = { name: 'master', ok: true, found: client.url, todo: '' };
    return [reached, ...(reason === null ? [] : [storeCheck(reason)]), ...(await checkNodes(context))];
  } catch (error) {
    return [failed('master', error)];
  }
}

const storeCheck = (found: string): Check => ({
  name: 'store',
  ok: false,
  found,
  todo: errorTable.STORE_FULL.hint,
});

async function checkNodes(context: Context): Promise<Check[]> {
  try {
    const client = await context.connect();
    const { nodes } = await client.get<ClusterInfo>('/cluster/info');
    if (nodes.length === 0) {
      const todo = 'start `orca server` without --no-agent, or join a host';
      return [{ name: 'agent', ok: false, found: 'no node has joined', todo }];
    }
    return nodes.map((node): Check => {
      const ok = node.state === 'ready' || node.state === 'cordoned';
      const found = `${node.name} is ${node.state}${node.reason === null ? '' : `: ${node.reason}`}`;
      return {
        name: 'agent',
        ok,
        found,
        todo: ok ? '' : "see the agent's log in the home's logs/ on that host",
      };
    });
  } catch (error) {
    return [failed('agent', error)];
  }
}

function failed(name: string, error: unknown): Check {
  const todo = error instanceof OrcaError ? error.hint : '';
  return { name, ok: false, found: messageOf(error), todo };
}
