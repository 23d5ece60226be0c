/** What a binary of Caddy says of itself. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dnsProviders } from '../../../shared/caddy-binary.js';

t.test('the modules for DNS-01 are those that the binary lists', async (t) => {
  const script = (name: string, body: string): string => {
    const path = join(home, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return path;
  };
  const home = t.testdir();
  const list = 'http\ndns.providers.route53\ndns.providers.cloudflare\n\n  Standard modules: 2\ntls';
  const built = script('built', `[ "$1" = list-modules ] && printf '${list}'`);
  t.same(await dnsProviders(built), ['cloudflare', 'route53']);
  t.same(await dnsProviders(script('plain', "printf 'http\\ntls\\n'")), []);
  t.equal(await dnsProviders(script('other', 'exit 1')), null);
});
