/** The text format of Prometheus: a metric with its samples. PURE. */

export type Labels = Record<string, string>;
/** `suffix` is for the parts of a histogram: `_bucket`, `_sum`, `_count`. */
export type Sample = [labels: Labels, value: number, suffix?: string];

/** The lines of one metric, its help and type first. */
export function metric(
  name: string,
  type: 'gauge' | 'counter' | 'histogram',
  help: string,
  samples: Sample[],
): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([of, value, suffix = '']) => `${name}${suffix}${braces(of)} ${value}`),
  ];
}

function braces(of: Labels): string {
  const pairs = Object.entries(of).map(([key, value]) => `${key}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (value: string): string => value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n');
