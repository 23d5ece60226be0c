import t from 'tap';
import { type Choice, chosenBuilder } from '../../../../agent/build/choose.js';

const none = { level: 'none', reason: 'Docker is too old' } as const;
const old = { level: 'old', reason: 'Docker 20.10 has an old BuildKit' } as const;
const current = { level: 'current', reason: '' } as const;
const MOUNT = 'FROM a\nRUN --network=none --mount=type=cache,target=/x make\n';
const HEREDOC = 'FROM a\nRUN <<EOF\nmake\nEOF\n';
const choice = (change: Partial<Choice>) =>
  chosenBuilder({
    text: 'FROM a\nRUN make\n',
    dockerfile: 'Dockerfile',
    hasSecrets: false,
    kit: none,
    ...change,
  });

t.test('a current BuildKit builds all; an old one what needs it; the classic builder the rest', async (t) => {
  t.equal(choice({ kit: current }), 'buildkit');
  t.equal(choice({ kit: current, text: HEREDOC, hasSecrets: true }), 'buildkit');
  t.equal(choice({ kit: old }), 'classic');
  t.equal(choice({ kit: old, text: MOUNT }), 'buildkit');
  t.equal(choice({ kit: old, hasSecrets: true }), 'buildkit');
  t.equal(choice({ kit: none }), 'classic');
  const wrapped = 'FROM a\nRUN \\\n# why\n  --mount=type=cache,target=/x \\\n  make\n';
  t.equal(choice({ kit: old, text: wrapped }), 'buildkit', 'on the next line');
  t.throws(() => choice({ text: wrapped }), /uses --mount/);
});

t.test('what only looks like a heredoc is none', async (t) => {
  for (const run of ['cat <<<word', 'cat <<< word', 'echo $((1<<4))', 'test a<<b'])
    t.equal(choice({ text: `FROM a\nRUN ${run}\n` }), 'classic', run);
  t.throws(() => choice({ text: 'FROM a\nRUN cat 3<<-"EOF" x\n' }), /uses <<-"EOF/);
});

t.test('what the node has no builder for is named, with the reason', async (t) => {
  const cases: [Partial<Choice>, RegExp][] = [
    [
      { text: MOUNT },
      /^Dockerfile uses --mount, which only BuildKit knows, .*: Docker is too old; build elsewhere/,
    ],
    [{ text: 'FROM a\n  run --mount=type=tmpfs,target=/t x\n' }, /uses --mount, which only BuildKit knows/],
    [{ text: HEREDOC }, /uses <<EOF, which only BuildKit knows/],
    [{ text: HEREDOC, kit: old }, /uses <<EOF, which only a newer BuildKit knows, .*an old BuildKit/],
    [{ text: 'FROM a\nCOPY --link . .\n', kit: old }, /uses --link, which only a newer BuildKit knows/],
    [{ text: 'FROM a\nCOPY --chmod=755 . .\n' }, /uses --chmod/],
    [{ hasSecrets: true }, /the service has build\.secrets, which only BuildKit gives to a build/],
  ];
  for (const [change, words] of cases) t.throws(() => choice(change), words);
});

t.test('what only looks like it is not refused', async (t) => {
  for (const text of ['FROM a\nRUN echo --mount\n', 'FROM a\n# RUN --mount=x y\n', 'FROM a\nRUN cat <a\n'])
    t.equal(choice({ text }), 'classic', text);
});
