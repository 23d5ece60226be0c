import t from 'tap';
import { parseServiceBody } from '../../../shared/config/service.js';
import { foreignImage } from '../../../shared/foreign-image.js';
import { aService } from './config/a-service.js';

const PREFIX = 'registry.test:5000/team/orca';
const reasonOf = (image: string): string | null =>
  foreignImage(
    parseServiceBody(aService({ image, project: 'shop' }), 'x'),
    (project) => project === 'shop',
    PREFIX,
  );

t.test('images that Orca built for another project, or keeps, are named with the reason', async (t) => {
  for (const [image, why] of [
    ['orca-build/blog/api:abc', /was built for the project blog/],
    ['docker.io/orca-build/blog/api:abc', /was built for the project blog/],
    ['index.docker.io/orca-build/blog/api:abc', /was built for the project blog/],
    [`orca-build/blog/api@sha256:${'0'.repeat(64)}`, /was built for the project blog/],
    [`${PREFIX}/orca-build/blog/api:0123456789abcdef`, /was built for the project blog/],
    ['orca.local/c0/blog/api:v3', /is what Orca keeps of a release/],
    ['orca.local/c0/shop/api:v3', /is what Orca keeps of a release/],
    ['orca.local/blog/api:build', /is what Orca keeps of a release/],
    ['a1', /may be the id of an image of any project: .* a1:latest/],
    ['docker.io/library/cafe', /may be the id/],
    [`sha256:${'a'.repeat(64)}`, /may be the id/],
    ['sha256:a1', /may be the id/],
  ] as const)
    t.match(reasonOf(image), why, image);
});

t.test("its own builds, and what registries have, are nobody else's", async (t) => {
  for (const image of [
    'orca-build/shop/api:abc',
    'nginx:1.27',
    'cafe:latest',
    'ghcr.io/orca-build/blog:1',
    'team/orca-build/blog:1',
    `${PREFIX}/base:1`,
    `${PREFIX}/orca-build/shop/api:0123456789abcdef`,
    `nginx@sha256:${'a'.repeat(64)}`,
  ])
    t.equal(reasonOf(image), null, image);
  const build = { repo: 'https://git.test/a.git' };
  const spec = parseServiceBody({ name: 'api', project: 'shop', build }, 'x');
  t.equal(
    foreignImage(spec, (project) => project === 'shop', null),
    null,
    'one that is to be built',
  );
});
