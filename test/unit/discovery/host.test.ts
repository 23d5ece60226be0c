import t from 'tap';
import { hostResolvers, resolversIn } from '../../../discovery/host-resolvers.js';
import { routeInTheWay } from '../../../discovery/routes.js';
import { chainsOf } from '../../../discovery/rules.js';
import { readRange } from '../../../shared/ipv4.js';
import { aServed, aServedService } from './a-table.js';

const range = readRange('10.213.0.0/16') ?? { base: 0, prefix: 0 };

t.test('a range is free beside a default route, and when it is ours already', async (t) => {
  const printed = [
    'default via 192.0.2.1 dev eth0 ',
    '172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown ',
    'local 10.213.0.0/16 dev lo table local scope host ',
    'local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 ',
  ];
  t.equal(routeInTheWay(printed.join('\n'), range), null);
});

t.test('a route to part of it, or to more than it, is in the way', async (t) => {
  for (const line of [
    '10.0.0.0/8 via 10.0.0.1 dev tun0',
    '10.213.7.0/24 dev br-1 proto kernel scope link src 10.213.7.1',
    'unreachable 10.213.1.1 metric 1024',
    'local 10.213.0.5 dev eth1 table local proto kernel scope host src 10.213.0.5',
  ])
    t.equal(routeInTheWay(`default via 192.0.2.1 dev eth0\n${line}\n`, range), line);
});

t.test(
  'packets of a project’s network lead to the companion for its own services, else nowhere',
  async (t) => {
    const services = [
      aServedService({ ports: [80, 81] }),
      aServedService({ service: 'shop/idle', address: '10.213.0.10', backends: [] }),
    ];
    const networks = [{ project: 'shop', subnet: '172.18.0.0/16' }];
    t.same(chainsOf('ORCA-x', aServed({ services, networks }), 61_000).split('\n'), [
      '*nat',
      ':ORCA-x - [0:0]',
      '-A ORCA-x -s 172.18.0.0/16 -d 10.213.0.2 -p udp --dport 53 -j DNAT --to-destination :61000',
      '-A ORCA-x -s 172.18.0.0/16 -d 10.213.0.2 -p tcp --dport 53 -j DNAT --to-destination :61000',
      '-A ORCA-x -s 172.18.0.0/16 -d 10.213.0.9 -p tcp --dport 80 -j DNAT --to-destination :61000',
      '-A ORCA-x -s 172.18.0.0/16 -d 10.213.0.9 -p tcp --dport 81 -j DNAT --to-destination :61000',
      '-A ORCA-x -s 172.18.0.0/16 -p udp -j DNAT --to-destination :1',
      '-A ORCA-x -s 172.18.0.0/16 -p tcp -j DNAT --to-destination :1',
      'COMMIT',
      '*filter',
      ':ORCA-x - [0:0]',
      '-A ORCA-x -s 172.18.0.0/16 -j ACCEPT',
      'COMMIT',
      '',
    ]);
  },
);

t.test('containers ask the servers that Docker would have given them', async (t) => {
  const files = (texts: Record<string, string>) => hostResolvers((file) => texts[file] ?? '');
  t.same(
    files({ '/etc/resolv.conf': 'search a.example b.example\nnameserver 192.0.2.1\nnameserver ::1\n' }),
    {
      servers: ['192.0.2.1'],
      search: ['a.example', 'b.example'],
    },
  );
  const stub = { '/etc/resolv.conf': 'nameserver 127.0.0.53\n' };
  t.same(files(stub).servers, ['8.8.8.8', '8.8.4.4']);
  const resolved = { ...stub, '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.7\n' };
  t.same(files(resolved).servers, ['192.0.2.7']);
  const daemon = {
    ...resolved,
    '/etc/docker/daemon.json': '{"dns":["192.0.2.9"],"dns-search":["d.example"]}',
  };
  t.same(files(daemon), { servers: ['192.0.2.9'], search: ['d.example'] });
  t.same(files({ ...resolved, '/etc/docker/daemon.json': 'not JSON' }).servers, ['192.0.2.7']);
  t.same(files({}), { servers: ['8.8.8.8', '8.8.4.4'], search: [] });
  t.equal(
    files({ '/etc/resolv.conf': 'nameserver 1.1.1.1\nnameserver 1.0.0.1\nnameserver 9.9.9.9' }).servers
      .length,
    2,
  );
  t.same(resolversIn('# nameserver 1.1.1.1\noptions ndots:2\nsearch .\n'), { servers: [], search: [] });
});
