/**
 * Reads and checks every service file together: all errors of all files are reported at once, and a domain or a name
 * that two files share is an error here, before anything is sent.
 */
import { readFileSync } from 'node:fs';
import { invalidConfig, keyText, type PlacedProblem } from '../shared/config/problem.js';
import { type FileService, parseServiceFile } from '../shared/config/service-file.js';
import { checkServiceSet } from '../shared/config/service-set.js';
import { messageOf, OrcaError } from '../shared/errors.js';
import { type Context, optionText } from './context.js';
import { type FoundFile, findServiceFiles } from './find.js';

type Loaded = FileService & { file: FoundFile };

/** The services named on the command line (all, when none is), as the API takes them. Throws CONFIG_INVALID. */
export async function loadServices(context: Context): Promise<Record<string, unknown>[]> {
  const files = findServiceFiles(context.io.cwd, optionText(context.options, 'file'));
  const services = await readAll(files);
  return choose(services, context.args).map((service) => service.raw);
}

async function readAll(files: FoundFile[]): Promise<Loaded[]> {
  const services: Loaded[] = [];
  const lines: string[] = [];
  const problems: PlacedProblem[] = [];
  for (const file of files) {
    try {
      const read = await parseServiceFile(textOf(file), file.shown, file.project);
      services.push(...read.services.map((service) => ({ ...service, file })));
    } catch (error) {
      if (!(error instanceof OrcaError) || error.code !== 'CONFIG_INVALID') throw error;
      lines.push(error.message);
      problems.push(...((error.details as { problems?: PlacedProblem[] } | null)?.problems ?? []));
    }
  }
  lines.push(...clashes(services));
  if (lines.length > 0) throw invalidConfig(lines, problems);
  return services;
}

/** What clashes between files; what clashes within one was found when it was read. */
function clashes(services: Loaded[]): string[] {
  const specs = services.map((service) => service.spec);
  return checkServiceSet(specs, { complete: false }).flatMap(({ index, path, message }) => {
    const service = services[index];
    return service
      ? [`${service.file.shown}: service "${service.spec.name}": ${keyText(path)}: ${message}`]
      : [];
  });
}

function choose(services: Loaded[], wanted: string[]): Loaded[] {
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

function isCalled(service: Loaded, name: string): boolean {
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
