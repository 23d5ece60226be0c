/** `/registries`: who this cluster is at image registries; for admins. A password comes in with a body and is in no answer. */
import {
  registriesReplySchema,
  registryChangedSchema,
  registryLoginSchema,
} from '../../shared/api-registries.js';
import { ofCluster } from './access.js';
import type { Registries } from './ports.js';
import { answer, type Route, route } from './route.js';

export function registryRoutes(registries: Registries): Route[] {
  return [
    route('GET /registries', {
      summary: 'The registries that there are credentials for, without their passwords',
      touches: ofCluster('rule', 'a login at a registry'),
      reply: registriesReplySchema,
      run: () =>
        answer({
          registries: registries.list().map(({ host, username, command, tokenUrl, setAtMs, by, usedBy }) => ({
            ...{ host, username, command, token_url: tokenUrl, by, used_by: usedBy },
            set_at: new Date(setAtMs).toISOString(),
          })),
        }),
    }),
    route('POST /registries', {
      summary: 'Sets the credentials for a registry; pulls from it use them from now on',
      touches: ofCluster('rule', 'a login at a registry'),
      body: registryLoginSchema,
      reply: registryChangedSchema,
      run: ({ body, actor }) => {
        const host = registries.login(body, actor.by);
        const giver = body.command?.[0] ?? (body.token_url === undefined ? null : 'the token URL');
        const who = giver === null ? `as ${body.username}` : `with what ${giver} gives`;
        return answer({ ok: `images of ${host} are pulled ${who} from now on` });
      },
    }),
    route('DELETE /registries/:host', {
      summary: 'Removes the credentials for a registry',
      touches: ofCluster('rule', 'a login at a registry'),
      reply: registryChangedSchema,
      run: ({ params, actor }) =>
        answer({ ok: `credentials for ${registries.logout(params.host ?? '', actor.by)} are removed` }),
    }),
  ];
}
