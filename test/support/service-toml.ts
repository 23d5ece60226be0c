/** Text of a service.toml for tests: only what matters to the test is named. */

export interface ServiceToml {
  name: string;
  image: string;
  domain?: string;
  replicas?: number;
  /** 8080, the test app's; null for a service without one. */
  port?: number | null;
  /** Lines of TOML for the service itself. */
  lines?: string[];
  env?: Record<string, string>;
  readiness?: string[];
  liveness?: string[];
  deploy?: string[];
}

/** One or more `[[service]]`s. Without `readiness`, the app's `/health` is asked every 200 ms. */
export function serviceToml(...services: ServiceToml[]): string {
  return services.map(one).join('\n');
}

function one(service: ServiceToml): string {
  const { name, image, domain, replicas = 1, port = 8_080, lines = [], env, liveness, deploy } = service;
  const asked = port === null ? [] : ['path = "/health"', 'interval_secs = 0.2', 'timeout_secs = 2'];
  const readiness = service.readiness ?? asked;
  return [
    '[[service]]',
    `name = "${name}"`,
    `image = "${image}"`,
    `replicas = ${replicas}`,
    ...(port === null ? [] : [`port = ${port}`]),
    ...(domain ? [`domain = "${domain}"`] : []),
    ...lines,
    ...section(
      'env',
      Object.entries(env ?? {}).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    ),
    ...section('readiness', readiness),
    ...section('liveness', liveness ?? []),
    ...section('deploy', deploy ?? []),
    '',
  ].join('\n');
}

function section(name: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', `[service.${name}]`, ...lines];
}
