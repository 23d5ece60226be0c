import t from 'tap';
import { refuseForeignSources } from '../../../../agent/build/sources.js';

/** `%{` stands for what begins a variable. */
const refusal = (written: string, args: Record<string, string> = {}): string => {
  const text = written.replaceAll('%{', `$\{`);
  try {
    refuseForeignSources({ text, dockerfile: 'Dockerfile', project: 'blog', service: 'api', args });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

t.test('images of other projects, and images by an id, are no base and nothing to copy from', async (t) => {
  for (const text of [
    'FROM orca-build/shop/api:abc',
    'from --platform=linux/amd64 docker.io/library/orca-build/shop/api:abc as x',
    'FROM orca.local/c1/shop/api:v1',
    'FROM scratch\nCOPY --from=orca.local/c1/shop/api:v1 / /',
    'FROM scratch\nCOPY \\\n# yes\n--from=orca-build/shop/api:1 / /',
    'FROM scratch\nCOPY --chown=1 `\n--from=orca-build/shop/api:1 / /',
    'FROM scratch\nCOPY --from=orca-b"uild/shop"/api:1 / /',
    'FROM scratch\nRUN --mount=type=bind,from=orca-build/shop/api:1,target=/x cat /x',
    'FROM scratch\nONBUILD COPY --from=orca-build/shop/api:1 / /',
    'FROM scratch\nCOPY --from=orca-build/shop/api:1 ["/", "/"]',
    'FROM\\\n orca-build/shop/api:1',
    'FROM scratch\nCOPY\\\n --from=orca-build/shop/api:1 / /',
    'FROM scratch\nRUN\\\n\t--mount=type=bind,from=orca-build/shop/api:1,target=/x cat /x',
    'FROM sha256:0123456789ab',
    'FROM scratch\nCOPY --from=0123456789ab / /',
    'ARG X=orca-build/shop/api:1\nFROM alpine\nARG X=alpine\nFROM $X',
    'ARG A=orca\nARG B=-build/shop/x\nFROM %{A}%{B}',
    'FROM %{NONE:-orca-build/shop/api:1}',
    'FROM %{X/a/b}',
  ])
    t.match(refusal(text), /^Dockerfile: the image /, text);
  t.match(refusal('ARG X\nFROM $X', { X: 'orca-build/shop/api:1' }), /built for the project shop/);
});

t.test('what Docker would fetch from the host’s network is refused', async (t) => {
  for (const add of [
    'ADD http://127.0.0.1:17990/x /',
    'add HTTPS://example.com/x /',
    'ADD a "http://localhost/x" /',
    'ADD ["\\u0068ttp://x/y", "/"]',
    'ADD --chown=1 ["http://x/y", "/"]',
    'ADD --chown=1 [ "\\u0068ttp://x/y", "/" ]',
    'ADD ["http:\\/\\/x/y", "/"] and more',
    'ADD\\\n http://x/y /',
    'ADD ht\\tp://x/y /',
    'ADD \\\nhttp://x/y /',
    'ADD git@github.com:a/b /',
    'ADD root@127.0.0.1:x.git /',
    'ENV H=127.0.0.1\nADD a.b-c@$H:x /',
    'ENV U=http://x\nADD $U/y /',
    'ENV U http://x\nADD $U /',
    'ADD $FROM_BASE /',
    'ADD ht%{FROM_BASE}/y /',
    '\u0085ADD http://x/y /',
    'ONBUILD ADD http://x/y /',
  ])
    t.match(
      refusal(`FROM alpine\n${add}`),
      /ADD .* (this host's own network: fetch it in a step|may come to an address)/,
      add,
    );
});

t.test('all else goes', async (t) => {
  const text = [
    'ARG NODE=20',
    'FROM node:%{NODE}-alpine AS cafe',
    'FROM orca-build/blog/base:abc',
    'ENV DIR=src',
    'COPY --from=cafe /a /a',
    'COPY --from=0 ["a b", "/a"]',
    'COPY --from=nginx:1 /etc /etc',
    'ADD ./$DIR/x.tar.gz y/ $HOME',
    'COPY $DIR/x /',
    'ADD x$TARGETARCH /z/',
    'ADD ./root@host:x /z/',
    'ADD types/@scope:a b@c /z/',
    'RUN curl http://example.com/x',
    'RUN ["sh", "-c", "echo $HOME %{X#y}"]',
    'LABEL a="http://x"',
    'CMD ["a"]',
  ].join('\n');
  t.equal(refusal(text), '');
  t.equal(refusal('FROM busybox\nFROM alpine\nFROM scratch\nCOPY --from=1 /a /b'), '', 'the second stage');
});
