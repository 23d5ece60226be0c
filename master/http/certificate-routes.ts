/** `/certs`: what names are served with, the user's own certificates, and the cluster's CA. No key is ever in an answer. */
import * as z from 'zod';
import {
  addCertificateSchema,
  certificateAddedSchema,
  certificatesReplySchema,
  clusterCaSchema,
} from '../../shared/api-certificates.js';
import { anything, ofCluster, ownPart } from './access.js';
import { certificatesFor } from './own-part.js';
import type { Certificates } from './ports.js';
import { answer, type Route, route } from './route.js';
import type { Views } from './views.js';

export function certificateRoutes(certificates: Certificates, views: Pick<Views, 'certificates'>): Route[] {
  return [
    route('GET /certs', {
      touches: ownPart,
      summary: 'What each name is served with, until when, and why it has no better certificate',
      reply: certificatesReplySchema,
      run: ({ holder }) => answer({ certificates: certificatesFor(holder, views.certificates()) }),
    }),
    route('GET /certs/ca', {
      touches: anything,
      summary: "The root of the cluster's own CA, for clients that are to trust it",
      reply: clusterCaSchema,
      run: () => answer({ ca: certificates.ca }),
    }),
    route('PUT /certs/:name', {
      touches: ofCluster('change', 'a certificate that is sent'),
      summary:
        'Serves a certificate of yours for the names that it is for; a bad one is refused and changes nothing',
      body: addCertificateSchema,
      reply: certificateAddedSchema,
      run: ({ params, body, actor }) => {
        const { id, names, issuer, notAfterMs } = certificates.add(
          { name: params.name ?? '', ...body },
          actor.by,
        );
        const name = id.slice(id.indexOf(':') + 1);
        return answer({ name, names, issuer, expires_at: new Date(notAfterMs).toISOString() });
      },
    }),
    route('POST /certs/:name/retry', {
      touches: ofCluster('change', 'an order of a certificate'),
      summary: 'Has a name whose certificate could not be had tried now, unless the CA allows nothing yet',
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor }) => answer({ ok: certificates.retry(params.name ?? '', actor.by) }),
    }),
    route('DELETE /certs/:name', {
      touches: ofCluster('change', 'a certificate that is sent'),
      summary: 'Forgets a certificate that was sent; what it served gets the next best one',
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor }) => {
        certificates.remove(params.name ?? '', actor.by);
        return answer({ ok: `the certificate ${params.name} is removed` });
      },
    }),
  ];
}
