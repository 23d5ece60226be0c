/**
 * Keys that read repositories: an ed25519 pair, whose private half becomes a secret of the service's project, in the form that OpenSSH reads, and is shown
 * to nobody. The public half is shown once, to be given to the repository.
 */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { DeployKeyReply } from '../../shared/api-builds.js';
import { OrcaError } from '../../shared/errors.js';
import { secretKey } from '../../shared/secret-reference.js';
import type { Store } from '../store/store.js';
import type { Secrets } from './secrets.js';

export interface DeployKeyRequest {
  /** `name`, or `project/name`; it need not be deployed yet. */
  service: string;
  project?: string | undefined;
  replace?: boolean | undefined;
}

export interface DeployKeys {
  /** Throws CONFLICT for one that has a key already, and BODY_INVALID. */
  create(request: DeployKeyRequest, by: string, sees: SeesProject): DeployKeyReply;
  /** Whose secret it becomes, as who `sees` only some projects means it. */
  projectOf(request: DeployKeyRequest, sees: SeesProject): string;
}

export type SeesProject = (project: string) => boolean;

export function createDeployKeys(
  store: Pick<Store, 'secret' | 'serviceKeys'>,
  secrets: Pick<Secrets, 'set'>,
): DeployKeys {
  return {
    projectOf: (request, sees) => placeOf(store.serviceKeys(), request, sees).project,
    create(request, by, sees) {
      const { project, name } = placeOf(store.serviceKeys(), request, sees);
      const secret = `${name.replaceAll('-', '_')}_deploy_key`;
      if (store.secret(secretKey(project, secret)) && request.replace !== true)
        throw new OrcaError(
          'CONFLICT',
          `${name} has a deploy key already: the secret ${secret} of ${project}`,
          {
            hint: `Pass --replace to put a new one in its place; the repository then needs the new public half.`,
          },
        );
      const comment = `orca-${project}-${name}`;
      const { privateKey, publicKey, fingerprint } = makeKey(comment);
      secrets.set([{ project, name: secret, value: privateKey }], by);
      return { service: name, project, secret, public_key: publicKey, fingerprint };
    },
  };
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Which project has a service of that name is asked of those that are seen: the answer to others tells no names. */
function placeOf(
  keys: readonly string[],
  { service, project }: DeployKeyRequest,
  sees: SeesProject,
): { project: string; name: string } {
  const [head = '', tail] = service.split('/');
  const name = tail ?? head;
  const found = keys
    .filter((key) => key.endsWith(`/${name}`))
    .map((key) => key.slice(0, key.indexOf('/')))
    .filter(sees);
  const of =
    tail === undefined ? (project ?? (found.length === 1 ? found[0] : undefined) ?? 'default') : head;
  if (LABEL.test(name) && LABEL.test(of)) return { project: of, name };
  throw new OrcaError(
    'BODY_INVALID',
    `service must be the name of a service, such as "api" or "shop/api"; it is ${JSON.stringify(service)}`,
  );
}

/** In OpenSSH's own format (PROTOCOL.key of openssh-portable): its ssh reads no ed25519 key in PKCS#8 before 9.6. */
export function makeKey(comment: string): { privateKey: string; publicKey: string; fingerprint: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? x, 'base64url');
  const seed = Buffer.from(d, 'base64url');
  const type = 'ssh-ed25519';
  const shared = Buffer.concat([field(type), field(point)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, shared, field(Buffer.concat([seed, point])), field(comment)]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, at) => at + 1));
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    uint32(1),
    field(shared),
    field(Buffer.concat([secret, padding])),
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  const name = 'OPENSSH PRIVATE KEY';
  const hash = createHash('sha256').update(shared).digest('base64').replace(/=+$/, '');
  return {
    privateKey: `-----BEGIN ${name}-----\n${lines.join('\n')}\n-----END ${name}-----\n`,
    publicKey: `${type} ${shared.toString('base64')} ${comment}`,
    fingerprint: `SHA256:${hash}`,
  };
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
