import t from 'tap';
import { parseServiceBody } from '../../../shared/config/service.js';
import { OrcaError } from '../../../shared/errors.js';
import { NOTHING_ALLOWED, permit, type SecurityRules } from '../../../shared/permit.js';
import { aService } from './config/a-service.js';

function outcome(keys: Record<string, unknown>, rules: Partial<SecurityRules> = {}) {
  const spec = parseServiceBody(aService(keys), 'x');
  try {
    return permit(spec, { ...NOTHING_ALLOWED, ...rules }, { home: '/data/orca', ports: [443, 6_880] })
      .container;
  } catch (error) {
    if (error instanceof OrcaError) return { code: error.code, message: error.message, hint: error.hint };
    throw error;
  }
}

t.test('what stays in its container needs nobody to allow it', async (t) => {
  const keys = {
    cap_drop: ['ALL'],
    cap_add: ['net_bind_service', 'CAP_CHOWN'],
    read_only: true,
    user: '1:1',
  };
  t.notOk('mountsWithin' in outcome({}));
  t.match(outcome(keys), { confinement: { capAdd: ['CHOWN', 'NET_BIND_SERVICE'], capDrop: ['ALL'] } });
});

t.test('a mount is refused with the line that allows it, and allowed with what it lies in', async (t) => {
  const mounts = ['/etc/ssl/mail/../mail/:/certs:ro'];
  t.match(outcome({ mounts }, { allowedMounts: ['/srv'] }), {
    code: 'NOT_ALLOWED',
    message: /^api: mounts\[0\]: \/etc\/ssl\/mail\/\.\.\/mail\/ of the host may not be mounted/,
    hint: /Nothing was changed.*`allowed_mounts = \["\/srv","\/etc\/ssl\/mail"\]` under \[security\].*orca reload/,
  });
  t.match(outcome({ mounts }, { allowedMounts: ['/srv', '/etc/ssl'] }), {
    mountsWithin: ['/etc/ssl', '/srv'],
  });
  t.match(outcome({ mounts: ['/data/orca/agent:/x'] }, { allowedMounts: ['/data'] }), {
    code: 'NOT_ALLOWED',
  });
});

t.test('rights that reach the host are refused, all at once', async (t) => {
  t.match(outcome({ mounts: ['/var/run/docker.sock:/s'], cap_add: ['SYS_ADMIN'], new_privileges: true }), {
    message: /mounts\[0\].*\n.*new_privileges.*\n.*SYS_ADMIN/,
    hint: /allowed_mounts = \["\/run\/docker\.sock"\].*new_privileges = true.*cap_add = \["SYS_ADMIN"\]/,
  });
  t.match(outcome({ privileged: true }), { code: 'NOT_ALLOWED', hint: /`privileged = true`/ });
  t.match(outcome({ privileged: true }, { privileged: true }), { confinement: { privileged: true } });
  t.match(outcome({ cap_add: ['NET_ADMIN'] }, { capAdd: ['NET_ADMIN'] }), { confinement: {} });
  t.match(outcome({ cap_add: ['ALL'] }, { capAdd: ['NET_ADMIN'] }), { code: 'NOT_ALLOWED' });
  t.match(outcome({ cap_add: ['SYS_TIME'] }, { capAdd: ['ALL'] }), { confinement: {} });
});

t.test('no container forks without end unless the cluster lets it', async (t) => {
  const pids = (pids_limit: number) => ({ resources: { pids_limit } });
  for (const [limit, rules, hint] of [
    [-1, {}, /`pids_limit = -1`/],
    [4_194_304, {}, /`pids_limit = 4194304`/],
    [16_385, {}, /`pids_limit = 16385`/],
    [300, { pidsLimit: 200 }, /`pids_limit = 300`/],
    [-1, { pidsLimit: 200 }, /`pids_limit = -1`/],
  ] as const)
    t.match(outcome(pids(limit), rules), {
      code: 'NOT_ALLOWED',
      message: /^api: resources\.pids_limit: .* is more than the \d+ that this cluster allows$/,
      hint,
    });
  for (const [limit, rules] of [
    [16_384, {}],
    [-1, { pidsLimit: -1 }],
    [4_194_304, { pidsLimit: -1 }],
  ] as const)
    t.match(outcome(pids(limit), rules), { confinement: { pidsLimit: limit } });
});

t.test("well-known ports of the hosts are nobody's, and Orca's own only by their number", async (t) => {
  const ports = (...extra_ports: string[]) => ({ extra_ports });
  t.match(outcome(ports('22222:22', '1024:1', '65535:2/udp')), { extraPorts: [{}, {}, {}] });
  t.match(outcome(ports('25:2525', '22222:22', '53:53/udp')), {
    code: 'NOT_ALLOWED',
    message: /extra_ports\[0\]: port 25 .*this cluster does not give it.*\n.*extra_ports\[2\]: port 53/,
    hint: /`host_ports = \["1024-65535","25","53"\]` under \[security\]/,
  });
  const own = ports('6880:80');
  const all = { hostPorts: [{ from: 1, to: 65_535 }] };
  t.match(outcome(own), { message: /port 6880 .* Orca itself uses it/, hint: /"6880"/ });
  t.match(outcome(ports('443:80/udp'), all), { message: /Orca itself uses it/ });
  t.match(outcome(ports('22:22'), all), { extraPorts: [{ host: 22 }] });
  t.match(outcome(ports('443:80'), { hostPorts: [{ from: 443, to: 443 }] }), { extraPorts: [{ host: 443 }] });
  t.match(outcome(ports('22222:22'), { hostPorts: [] }), { hint: /`host_ports = \["22222"\]`/ });
});
