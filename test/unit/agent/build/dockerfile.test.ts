import t from 'tap';
import { buildKitWord } from '../../../../agent/build/dockerfile.js';

for (const [text, word] of [
  ['FROM x\nRUN echo --mount\nCOPY a b', null],
  ['FROM x\nRUN --mount=type=cache,target=/c make', '--mount'],
  ['FROM x\n  run --network=none --mount=type=ssh make', '--mount'],
  ['COPY --chown=1:1 --link a b', '--link'],
  ['COPY --from=x --chmod=755 a b', '--chmod'],
  ['ADD --checksum=sha256:00 https://a.example b', '--checksum'],
  ['COPY a b --link', null],
  ['RUN <<EOF\necho\nEOF', '<<EOF'],
  ['RUN cat <<-"END" > x', '<<-"END'],
  ['COPY <<a /b', '<<a'],
  ['# RUN --mount=x', null],
  ['RUNNER --mount', null],
] as const)
  t.test(JSON.stringify(text), async (t) => {
    t.equal(buildKitWord(text), word);
  });

t.test('a megabyte of nothing, of blanks, of options and of signs is read once', async (t) => {
  for (const text of [
    `FROM x${'\n'.repeat(1_000_000)}`,
    `RUN ${' '.repeat(1_000_000)}x`,
    `RUN ${'--a '.repeat(250_000)}`,
    `RUN ${'<'.repeat(1_000_000)}`,
    'RUN\n'.repeat(250_000),
  ])
    t.equal(buildKitWord(text), null);
});
