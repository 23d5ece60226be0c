/** The flags of `orca server`, as they were given. Throws USAGE for any other. */
import { parseArgs } from 'node:util';
import { messageOf, OrcaError } from '../shared/errors.js';
import type { MasterFlags } from './settings.js';

export function readFlags(argv: string[]): MasterFlags {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        home: text,
        listen: text,
        'http-port': text,
        'https-port': text,
        docker: text,
        advertise: text,
        'http-listen': text,
        caddy: text,
        'no-agent': { type: 'boolean' },
      },
    });
    const { 'http-port': httpPort, 'https-port': httpsPort, 'http-listen': httpListen, ...rest } = values;
    const { 'no-agent': noAgent, ...others } = rest;
    return present({ ...others, httpPort, httpsPort, httpListen, noAgent });
  } catch (cause) {
    throw new OrcaError('USAGE', messageOf(cause), { cause, hint: 'See `orca server --help`.' });
  }
}

/** Without the undefined ones. */
const present = (flags: { [K in keyof MasterFlags]: MasterFlags[K] | undefined }): MasterFlags =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
