/**
 * Reads and checks every service file together: all errors of all files are reported at once, and a domain or a name
 * that two files share is an error here, before anything is sent.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type LoadedService, parseServiceFiles } from '../shared/config/service-files.js';
import { messageOf, OrcaError } from '../shared/errors.js';
import { type Context, optionText } from './context.js';
import { type FoundFile, findServiceFiles } from './find.js';

/** The services named on the command line (all, when none is), as the API takes them. Throws CONFIG_INVALID. */
export async function loadServices(context: Context): Promise<Record<string, unknown>[]> {
  const path = optionText(context.options, 'file');
  try {
    const files = findServiceFiles(context.io.cwd, path);
    const texts = files.map((file) => ({ ...file, text: textOf(file) }));
    return choose(await parseServiceFiles(texts), context.args).map((service) => service.raw);
  } catch (error) {
    throw path === undefined ? withPath(error, context) : error;
  }
}

/** Where a path was given as if it were a service: how it is given. */
function withPath(error: unknown, { args, io: { cwd } }: Context): unknown {
  const path = args.find((arg) => existsSync(resolve(cwd, arg)));
  if (path === undefined || !(error instanceof OrcaError) || error.code !== 'CONFIG_NOT_FOUND') return error;
  return new OrcaError(error.code, error.message, {
    cause: error,
    hint: `Arguments are names of services; a file or a folder goes with -f: \`-f ${path}\`.`,
  });
}

function choose(services: LoadedService[], wanted: string[]): LoadedService[] {
  if (wanted.length === 0) return services;
  const missing = wanted.find((name) => !services.some((service) => isCalled(service, name)));
  if (missing !== undefined) {
    const known = [...new Set(services.map((service) => service.spec.name))].join(', ');
    throw new OrcaError('CONFIG_NOT_FOUND', `no service "${missing}" in these files; they have: ${known}`, {
      hint: 'Name a service of these files, or pass -f PATH to other ones.',
    });
  }
  return services.filter((service) => wanted.some((name) => isCalled(service, name)));
}

function isCalled(service: LoadedService, name: string): boolean {
  return service.spec.name === name || `${service.spec.project}/${service.spec.name}` === name;
}

function textOf(file: FoundFile): string {
  try {
    return readFileSync(file.path, 'utf8');
  } catch (error) {
    throw new OrcaError('CONFIG_NOT_FOUND', `${file.shown} can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
