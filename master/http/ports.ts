/** What the API asks of the rest of the master. Implemented by control and dispatch, put together in main. */
import type { ClusterInfo, DeployReply, PlanReply } from '../../shared/api.js';
import type { CleanupReply, DeployKeyReply } from '../../shared/api-builds.js';
import type { CreateJoinToken, JoinReply, JoinRequest, RenewReply } from '../../shared/api-join.js';
import type { RegistryLogin } from '../../shared/api-registries.js';
import type { AddWebhook, WebhookTest } from '../../shared/api-webhooks.js';
import type { Allocation, Counted, Peer, Release, Rollout, Service } from '../../shared/model.js';
import type { SecurityRules } from '../../shared/permit.js';
import type { LogLine } from '../../shared/protocol.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { Delivery, Provider, Webhook } from '../../shared/webhook.js';
import type { JoinToken, OwnCertificate } from '../store/tables.js';

export interface Actor {
  by: string;
  source: 'cli' | 'api' | 'webhook';
}

/** Requests of users; each is one transaction. Refusals are OrcaErrors and have changed nothing. */
export interface Commands {
  deploy(specs: ServiceSpec[], actor: Actor): DeployReply['rollouts'];
  /** `isBlind`: for who may only read, whom it must not tell what values and commands there are. */
  plan(specs: ServiceSpec[], isBlind?: boolean): PlanReply['services'];
  scale(service: string, replicas: number): void;
  /** The id of the rollout, or null when that release is what runs. */
  rollback(service: string, to: number | null, actor: Actor): string | null;
  /** What `rollback` would do, or why it would be refused. */
  planRollback(service: string, to: number | null): PlanReply['services'][number];
  redeploy(service: string, actor: Actor): string | null;
  /** Rolls what runs of it with the values that its secrets have now. */
  renew(service: string, actor: Actor): string | null;
  /** Makes the canary stable; with a weight only moves its share of the traffic. The id of its rollout. */
  promote(service: string, weight: number | null, actor: Actor): string;
  planPromote(service: string, weight: number | null): PlanReply['services'][number];
  /** Gives up what is being built; refuses with CONFLICT when that is over. */
  cancelBuild(service: string, build: string, actor: Actor): void;
  /** Holds the open rollout, and lets it go on. */
  pause(service: string, actor: Actor): void;
  resume(service: string, actor: Actor): void;
  /** Answers 503 with the message; null ends that. */
  maintenance(service: string, message: string | null, actor: Actor): void;
  /** Why the ingresses do not serve it as it is in force yet; `isComing`: one is there that can. Null: they do. */
  unserved(service: string): { reason: string; isComing: boolean } | null;
  start(service: string): void;
  stop(service: string): void;
  remove(service: string): void;
  /** Nodes are named by id, name or address. */
  cordon(node: string, cordoned: boolean, by: string): void;
  drain(node: string, by: string): void;
  undrain(node: string, by: string): void;
  /** Answers with all labels that it then has. */
  label(
    node: string,
    change: { set: Record<string, string>; remove: string[] },
    by: string,
  ): Record<string, string>;
  role(node: string, isIngress: boolean, by: string): void;
  /** Answers what is said behind that of what ran there. */
  removeNode(node: string, isForced: boolean, by: string, keeps?: boolean): string;
  /** What moves, or (dry) would move; nothing when it is even. */
  rebalance(
    service: string,
    isDry: boolean,
    by: string,
  ): { allocation: { id: string }; from: string; to: string }[];
}

/** Credentials at image registries, but for passwords. */
export interface Registries {
  list(): {
    host: string;
    username: string | null;
    command: string[] | null;
    tokenUrl: string | null;
    setAtMs: number;
    by: string;
    usedBy: string[];
  }[];
  /** Answers the host as it is kept. Throws BODY_INVALID. */
  login(given: RegistryLogin, by: string): string;
  /** Throws REGISTRY_NOT_FOUND. */
  logout(host: string, by: string): string;
}

/** Removes images that were built and that nothing needs, on every node that builds; dry: only says which. */
export type CleanUp = (isDry: boolean) => Promise<CleanupReply>;

/** Refusals are OrcaErrors and have changed nothing. */
export interface DeployKeys {
  create(
    request: { service: string; project?: string | undefined; replace?: boolean | undefined },
    by: string,
    sees: (project: string) => boolean,
  ): DeployKeyReply;
  projectOf(
    request: { service: string; project?: string | undefined },
    sees: (project: string) => boolean,
  ): string;
}

/** A secret, but for its value. */
export interface SecretFacts {
  project: string | null;
  name: string;
  /** Previews may have it. */
  isForPreviews: boolean;
  version: string;
  setAtMs: number;
  by: string;
  uses: readonly { service: string; isOutdated: boolean }[];
}

/** Refusals are OrcaErrors and have changed nothing. */
export interface Secrets {
  list(): SecretFacts[];
  one(project: string | null, name: string): SecretFacts;
  /** Of any of them. */
  uses(project: string | null, names: readonly string[]): SecretFacts['uses'];
  set(
    secrets: readonly { project: string | null; name: string; value: string; isForPreviews?: boolean }[],
    by: string,
  ): ('added' | 'changed' | 'unchanged')[];
  /** Answers with the services that had it. */
  remove(project: string | null, name: string, isForced: boolean, by: string): SecretFacts['uses'];
  /** A new key for all that is sealed; answers with what could not be opened. */
  rotateKey(): string[];
}

/** Who may become a node. Refusals are OrcaErrors and have used nothing up. */
export interface Enrolment {
  /** The token and its text, which nobody can ask for again. */
  createToken(request: CreateJoinToken, by: string): { token: JoinToken; text: string };
  revokeToken(id: string, by: string): void;
  join(request: JoinRequest, peer: Peer | null): JoinReply;
  /** What `join` would refuse, without joining. */
  check(request: JoinRequest, peer: Peer | null): void;
  /** A new certificate for the node at the other end. */
  renew(csr: string, peer: Peer | null): RenewReply;
}

/** What is wrong with a certificate of the user's, and what its owner can do. */
export interface CertificateProblem {
  reason: string;
  todo: string;
}

/** One of the user's, without its key. */
export type OwnCertificateFacts = Omit<OwnCertificate, 'certPem' | 'sealedKey'>;

/** The certificates of names that are served, and what users do about them. Refusals are OrcaErrors and have changed nothing. */
export interface Certificates {
  /** The root of the cluster's own CA, PEM. */
  ca: string;
  add(upload: { name: string; cert: string; key: string }, by: string): OwnCertificateFacts;
  remove(name: string, by: string): void;
  /** Why the files that a service names can't be taken up now; null: they can, or it names none. `isLimited`: by a token of some projects. */
  problemOf(spec: ServiceSpec, isLimited?: boolean): CertificateProblem | null;
  /** The user's that serves the name, or would if it had not expired. */
  own(name: string): OwnCertificateFacts | null;
  uploads(): OwnCertificateFacts[];
  /** What was wrong with the files of services when they were last read. */
  refusals(): ReadonlyMap<string, CertificateProblem>;
  /** Why no CA would issue for the name, though ACME is on; null: one would, or it is off. */
  notPublic(name: string): string | null;
  /** ACME is on, and a CA would issue for the name. */
  isOrdered(name: string): boolean;
  /** The name whose certificate by ACME serves a preview of that name; null: it has one of its own, or none. */
  wildcardOf(name: string): string | null;
  /** Nothing is ordered or renewed, whatever it is. */
  isAcmeOff(): boolean;
  /** Has a name that waits tried by ACME now; says what came of it. Throws NOT_FOUND or CONFLICT. */
  retry(name: string, by: string): string;
}

/** What this master hands to hosts that are to become nodes; none of it is secret. */
export interface NodeFiles {
  /** install.sh, of this master's version. */
  script(): Promise<string>;
  /** Lines `NAME VALUE…` (docs/nodes.md), then the cluster's CA in PEM. Throws NOT_FOUND where nothing was built. */
  manifest(nowMs: number): Promise<string>;
  /** The agent among them. */
  program(): Promise<{ version: string; sha256: string; bytes: number }>;
  /** Where the file with that SHA-256 is; null for any other than the manifest's. */
  path(sha256: string): Promise<string | null>;
}

/** Asks a node's agent to replace itself; refusals are OrcaErrors. */
export type UpgradeNode = (
  node: string,
  by: string,
) => Promise<{ node: string; version: string; program: string; isThere: boolean }>;

/** A service as it is built again. */
export interface Built {
  state: { service: Service; releases: Release[]; rollout: Rollout | null; allocations: Allocation[] };
  unknown: string[];
}

export interface Adoptable {
  nodes: {
    node: string;
    name: string;
    source: 'memory' | 'labels' | 'nothing';
    revision: number;
    copies: number;
  }[];
  away: { name: string; why: string }[];
  services: Built[];
  idle: Pick<Built, 'state'>[];
  missing: string[];
  conflicts: string[];
}

/** Taking over what runs on held nodes. */
export interface Adopt {
  /** Empty: all of them. */
  show(nodes: readonly string[]): Promise<Adoptable>;
  apply(nodes: readonly string[], isPartial: boolean, by: string): Promise<Adoptable>;
}

/** Webhooks, and the calls to them. Refusals are OrcaErrors and have changed nothing. */
export interface Hooks {
  /** What a call may be signed with, each with the ids of the webhooks that have it; `id` null: of all of the provider. */
  secrets(provider: Provider, id: string | null): { webhooks: string[]; secret: string }[];
  /** Takes in what was proved; resolves when it is on disk. */
  receive(call: {
    provider: Provider;
    signedFor: string[];
    event: string;
    remoteId: string | null;
    digest: string;
    payload: unknown;
  }): Promise<{ isPing: boolean; deliveries: { delivery: Delivery; isDuplicate: boolean }[] }>;
  /** The secret is null when it was given, and is said this once when it was made. */
  add(
    service: string | null,
    request: AddWebhook,
    by: string,
    isAdmin: boolean,
  ): { webhook: Webhook; secret: string | null };
  remove(id: string, by: string): void;
  redeliver(id: string, by: string): Delivery;
  /** A signed ping by way of the public URL. */
  test(webhook: Webhook): Promise<WebhookTest>;
  /** Where it is called from outside, and whether that has a certificate that providers trust. */
  place(webhook: Pick<Webhook, 'id' | 'provider'>): { url: string; isPublic: boolean };
}

/** What is known of live agents beyond the store. */
export interface Live {
  heardAtMs(node: string): number | null;
  /** Why the identity of a node is in doubt. */
  conflict(node: string): string | null;
  inFlight(allocation: string): number | null;
  /** What the connected ingresses counted of the releases of a service. */
  figures(service: string): Counted[];
  openLogs(
    node: string,
    request: { allocation: string; tail: number | null; sinceMs: number | null; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogLine[]>;
}

/** What of the configuration the API shows; read anew at each request, since a reload may change it. */
export type Settings = Pick<
  ClusterInfo,
  'cluster_id' | 'cluster_name' | 'domain' | 'acme_email' | 'version'
> & {
  httpPort: number;
  httpsPort: number;
  home: string;
  security: SecurityRules;
  /** Of Orca itself: the API's, those of an ingress, that of images. */
  ownPorts: readonly number[];
  /** Where nodes push images that no registry has; null: nowhere. */
  imagesPrefix: string | null;
};
