import t from 'tap';
import { parseServiceBody } from '../../../shared/config/service.js';
import { OrcaError } from '../../../shared/errors.js';
import { NOTHING_ALLOWED, permit, type SecurityRules } from '../../../shared/permit.js';
import { aService } from './config/a-service.js';

function outcome(keys: Record<string, unknown>, rules: Partial<SecurityRules> = {}) {
  const spec = parseServiceBody(aService(keys), 'x');
  try {
    return permit(spec, { ...NOTHING_ALLOWED, ...rules }, '/data/orca').container;
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
