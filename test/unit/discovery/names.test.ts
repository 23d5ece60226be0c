import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import t from 'tap';
import { answerTo, projectAt } from '../../../discovery/names.js';
import { replyTo } from '../../../discovery/reply.js';
import { aServed, aServedService } from './a-table.js';

const served = aServed({
  services: [
    aServedService(),
    aServedService({
      service: 'shop/database',
      names: ['database'],
      address: '10.213.0.10',
    }),
    aServedService({ service: 'blog/db', project: 'blog', names: ['db', 'store'], address: '10.213.0.11' }),
  ],
});
const asked = (name: string, project: string | null = 'shop', type = 'A') => {
  const answer = answerTo(served, project, { name, type });
  return answer.kind === 'address' ? answer.address : answer.kind;
};

t.test('a service is found by name, alias and full name, in any case', async (t) => {
  for (const name of ['db', 'DB', 'db.shop.orca', 'Db.Shop.Orca.']) t.equal(asked(name), '10.213.0.9', name);
  t.equal(asked('store', 'blog'), '10.213.0.11');
  t.equal(asked('database'), '10.213.0.10', 'a name comes before another one’s alias');
});

t.test('the same name is another service in another project', async (t) => {
  t.equal(asked('db', 'blog'), '10.213.0.11');
  t.equal(asked('db.blog.orca'), 'unknown');
  t.equal(asked('store'), 'refused', 'it may be a name of the host’s network');
  t.equal(asked('store.shop.orca'), 'unknown');
});

t.test('other types than A are empty, and there are no other names in .orca', async (t) => {
  for (const type of ['AAAA', 'MX', 'UNKNOWN_65']) t.equal(asked('db', 'shop', type), 'empty', type);
  t.equal(asked('db', 'shop', 'ANY'), '10.213.0.9');
  t.equal(asked('shop.orca'), 'empty');
  t.equal(asked('blog.orca'), 'unknown');
  for (const name of ['x.shop.orca', 'a.db.shop.orca', 'db.orca']) t.equal(asked(name), 'unknown', name);
});

t.test('everything else is refused, so that the next name server is asked', async (t) => {
  for (const name of ['example.com', 'db.example', 'orca.example', '']) t.equal(asked(name), 'refused', name);
  t.equal(asked('db', null), 'refused', 'who is in no network of ours is told nothing');
});

t.test('a container is known by the network that it is in', async (t) => {
  t.equal(projectAt(served, '172.18.3.4'), 'shop');
  t.equal(projectAt(served, '::ffff:172.19.0.2'), 'blog');
  t.equal(projectAt(served, '172.20.0.2'), null);
  t.equal(projectAt(served, 'fe80::1'), null);
});

t.test('an answer carries the question, and says how it went', async (t) => {
  const query = (name: string, type: 'A' | 'AAAA' = 'A') =>
    dnsPacket.encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type, name }] });
  const reply = (project: string | null, bytes: Buffer, table: typeof served | null = served) => {
    const answer = replyTo(table, project, bytes);
    return answer && dnsPacket.decode(answer);
  };
  t.match(reply('shop', query('db')), {
    id: 7,
    rcode: 'NOERROR',
    answers: [{ name: 'db', type: 'A', data: '10.213.0.9' }],
  });
  t.match(reply('shop', query('db', 'AAAA')), { rcode: 'NOERROR', answers: [] });
  t.match(reply('shop', query('x.shop.orca')), { rcode: 'NXDOMAIN' });
  t.match(reply('shop', query('example.com')), { rcode: 'REFUSED' });
  t.match(reply('shop', query('db'), null), { rcode: 'SERVFAIL' });
});

t.test('the question comes back byte by byte, whatever is in it and behind it', async (t) => {
  const name = (...labels: (string | Buffer)[]): Buffer =>
    Buffer.concat([
      ...labels.flatMap((label) => [Buffer.of(Buffer.byteLength(label)), Buffer.from(label)]),
      Buffer.of(0),
    ]);
  const query = (question: Buffer, more: Buffer = Buffer.alloc(0)): Buffer =>
    Buffer.concat([Buffer.of(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, more.length > 0 ? 1 : 0), question, more]);
  const of = (labels: Buffer, type = 1): Buffer => Buffer.concat([labels, Buffer.of(0, type, 0, 1)]);
  for (const [question, rcode] of [
    [of(name('dB', 'Shop', 'ORCA')), 'NOERROR'],
    [of(name('a.b', 'shop', 'orca')), 'NXDOMAIN'],
    [of(name(Buffer.of(0xff, 0xfe), 'shop', 'orca')), 'NXDOMAIN'],
    [of(name('Büro 1.2', '_ipp', '_tcp', 'local')), 'REFUSED'],
    [of(name('db'), 65), 'NOERROR'],
  ] as const) {
    const reply = replyTo(served, 'shop', query(question));
    t.same(reply?.subarray(12, 12 + question.length), question);
    t.match(reply && dnsPacket.decode(reply), { rcode });
  }
  const brokenOption = Buffer.of(0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 7, 0, 14, 0, 3, 0, 1, 2);
  const reply = replyTo(served, 'shop', query(of(name('db')), brokenOption));
  t.match(reply && dnsPacket.decode(reply), { answers: [{ data: '10.213.0.9' }] });
});

t.test('what is no query gets no answer and does no harm', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      replyTo(served, 'shop', Buffer.from(bytes));
    }),
  );
});

t.test('no name of another project ever leads to an address', async () => {
  const label = fc.constantFrom('db', 'store', 'database', 'shop', 'blog', 'orca', 'x');
  fc.assert(
    fc.property(
      fc.array(label, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('shop', 'blog'),
      (labels, project) => {
        const answer = answerTo(served, project, { name: labels.join('.'), type: 'A' });
        if (answer.kind !== 'address') return true;
        return served.services.some((s) => s.project === project && s.address === answer.address);
      },
    ),
  );
});
