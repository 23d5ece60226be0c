/**
 * Reads several service files together: all errors of all files are reported at once, and a domain or a name that two files share is an error here,
 * before anything is sent or deployed.
 */
import { OrcaError } from '../errors.js';
import { invalidConfig, keyText, type PlacedProblem } from './problem.js';
import { type FileService, parseServiceFile } from './service-file.js';
import { checkServiceSet } from './service-set.js';

export interface ServiceText {
  text: string;
  /** How errors name the file. */
  shown: string;
  project: string;
}

export type LoadedService = FileService & { file: ServiceText };

/** In the order of the files. Throws CONFIG_INVALID. */
export async function parseServiceFiles(files: readonly ServiceText[]): Promise<LoadedService[]> {
  const services: LoadedService[] = [];
  const lines: string[] = [];
  const problems: PlacedProblem[] = [];
  for (const file of files) {
    try {
      const read = await parseServiceFile(file.text, file.shown, file.project);
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
function clashes(services: LoadedService[]): string[] {
  const specs = services.map((service) => service.spec);
  return checkServiceSet(specs, { complete: false }).flatMap(({ index, path, message }) => {
    const service = services[index];
    return service
      ? [`${service.file.shown}: service "${service.spec.name}": ${keyText(path)}: ${message}`]
      : [];
  });
}

/** The project of a file by where it is: the folder's name under `services/`, else `default`. */
export function projectOfPath(path: string): string {
  const [above, folder] = path.split('/').slice(-3, -1);
  return above === 'services' && folder !== undefined ? folder : 'default';
}
