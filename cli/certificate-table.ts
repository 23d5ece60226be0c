/** The table of certificates, for `orca certs` and `orca status`; below it why one is not as it should be, and what to do. */
import type { CertificateView } from '../shared/api-certificates.js';
import type { Colors, Output } from './output.js';
import { localTime } from './time.js';

const SOON_MS = 14 * 86_400_000;

/** `certificates` are cleaned already; `nowMs` is for what expires soon. */
export function certificateTable(output: Output, certificates: CertificateView[], nowMs: number): void {
  const { colors } = output;
  output.table(
    ['NAME', 'SOURCE', 'STATE', 'ISSUER', 'EXPIRES', 'RENEWS'],
    certificates.map((one) => [
      one.name,
      sourceText(one),
      one.state === 'issued' ? colors.green(one.state) : colors.yellow(one.state),
      one.issuer,
      expiryText(one, nowMs, colors),
      one.renews_at ? localTime(one.renews_at) : '–',
    ]),
  );
  for (const one of certificates)
    if (one.reason !== null)
      for (const line of reasonLines(one)) output.line(line.startsWith('  ') ? line : colors.yellow(line));
}

/** Of the user's also which one: how it is called with `orca certs`, or the service that names its files. */
function sourceText({ source, from }: CertificateView): string {
  return from == null
    ? source
    : `${source} (${from.replace(/^upload:/, 'added as ').replace(/^files:/, '')})`;
}

function expiryText({ expires_at }: CertificateView, nowMs: number, colors: Colors): string {
  if (expires_at === '') return '–';
  const isSoon = Date.parse(expires_at) - nowMs <= SOON_MS;
  return isSoon ? colors.yellow(localTime(expires_at)) : localTime(expires_at);
}

function reasonLines({ name, reason, todo, next_try_at, seen_at }: CertificateView): string[] {
  const seen = seen_at ? `, as seen ${localTime(seen_at)}` : '';
  return [
    `certificate ${name}: ${reason}`,
    ...(todo ? [`  what to do: ${todo}`] : []),
    ...(next_try_at
      ? [`  next try: ${localTime(next_try_at)}${seen} (at once: orca certs retry ${name})`]
      : []),
  ];
}
