/** PURE: a container request → the body of Docker's `POST /containers/create`. */
import type { Confinement } from '../shared/spec.js';
import type { DockerContainerOptions } from './dockerode.js';
import type { ContainerRequest } from './engine.js';
import { containerLabels, LABEL_CLUSTER, LABEL_PREVIEW, LABEL_PROJECT } from './labels.js';

/** Docker's own restart policy stays `no`: a container that ended is replaced by the agent. */
export function toCreateOptions(request: ContainerRequest): DockerContainerOptions {
  const { allocation, cluster, network, dns } = request;
  const { container: spec } = allocation;
  return {
    name: request.name,
    Image: allocation.imageId,
    ...(spec.confinement?.user === undefined ? {} : { User: spec.confinement.user }),
    ...(spec.command === null ? {} : { Cmd: spec.command }),
    ...(spec.entrypoint === null ? {} : { Entrypoint: spec.entrypoint }),
    Env: Object.entries(request.env).map(([key, value]) => `${key}=${value}`),
    Labels: containerLabels(cluster, allocation, request.attempt, request.level),
    ExposedPorts: Object.fromEntries(publishedPorts(request).map(([port]) => [port, {}])),
    HostConfig: {
      NetworkMode: network,
      PortBindings: portBindings(request),
      Mounts: mountsOf(request),
      ...confined(spec.confinement ?? {}),
      ...(spec.resources.memoryBytes === null ? {} : { Memory: spec.resources.memoryBytes }),
      ...(spec.resources.cpus === null ? {} : { NanoCpus: Math.round(spec.resources.cpus * 1e9) }),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      Init: false,
      ...(dns === null ? {} : { Dns: dns.servers, DnsSearch: dns.search }),
    },
    NetworkingConfig: {
      EndpointsConfig: { [network]: { Aliases: aliasesOf(request) } },
    },
  };
}

/**
 * So many processes and threads a container has at most, where nothing is said: a fork bomb ends in its own container. Docker sets no
 * limit, Podman 2048 (containers.conf(5)), OpenShift 4096 a pod (`podPidsLimit`, from 4.11 on): the most that anybody sets, so that
 * nothing that runs elsewhere fails here.
 */
const PIDS_LIMIT = 4_096;

/** Without new privileges and with a limit of processes, unless the service says otherwise. */
function confined(confinement: Confinement): DockerContainerOptions['HostConfig'] {
  const { privileged, newPrivileges, capAdd, capDrop, readOnly, pidsLimit } = confinement;
  return {
    PidsLimit: pidsLimit ?? PIDS_LIMIT,
    ...(privileged ? { Privileged: true } : {}),
    ...(privileged || newPrivileges ? {} : { SecurityOpt: ['no-new-privileges'] }),
    ...(capAdd === undefined ? {} : { CapAdd: capAdd }),
    ...(capDrop === undefined ? {} : { CapDrop: capDrop }),
    ...(readOnly ? { ReadonlyRootfs: true } : {}),
  };
}

/** Docker's own names lead to a container as long as it runs, healthy or not: only for what has no better one. */
function aliasesOf({ allocation, dns }: ContainerRequest): string[] {
  const { port, aliases } = allocation.container;
  return dns !== null && port !== null ? [] : [allocation.service, ...aliases];
}

type Published = [port: string, binding: { HostIp: string; HostPort: string }];

/** The service's port on the publish address with a port of Docker's choice; extra ports on every address. */
function publishedPorts({ allocation, publishAddress }: ContainerRequest): Published[] {
  const { port, extraPorts } = allocation.container;
  const own: Published[] = port === null ? [] : [[`${port}/tcp`, { HostIp: publishAddress, HostPort: '' }]];
  const extra = extraPorts.map(
    ({ host, container, protocol }): Published => [
      `${container}/${protocol}`,
      { HostIp: '0.0.0.0', HostPort: String(host) },
    ],
  );
  return [...own, ...extra];
}

function portBindings(request: ContainerRequest): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const [port, binding] of publishedPorts(request)) {
    bindings[port] = [...(bindings[port] ?? []), binding];
  }
  return bindings;
}

/** Named volumes are `<project>_<name>` and outlive the service; a bind source that does not exist is refused by Docker. */
function mountsOf({ allocation, cluster, mounts, files }: ContainerRequest): DockerMount[] {
  const { volumes, confinement } = allocation.container;
  const Labels = { [LABEL_CLUSTER]: cluster, [LABEL_PROJECT]: allocation.project };
  const ofPreview = { [LABEL_PREVIEW]: `${allocation.project}/${allocation.service}` };
  return [
    ...mounts.map(
      ({ source, target, readOnly }): DockerMount => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      }),
    ),
    ...files.map(
      ({ source, target }): DockerMount => ({ Type: 'bind', Source: source, Target: target, ReadOnly: true }),
    ),
    ...(confinement?.tmpfs ?? []).map(
      ({ path, sizeBytes }): DockerMount => ({
        Type: 'tmpfs',
        Target: path,
        Source: '',
        ...(sizeBytes === null ? {} : { TmpfsOptions: { SizeBytes: sizeBytes, Mode: 0o1777 } }),
      }),
    ),
    ...volumes.map(
      ({ name, path, preview }): DockerMount => ({
        Type: 'volume',
        Source: `${allocation.project}_${allocation.service}_${name}`,
        Target: path,
        ReadOnly: false,
        VolumeOptions: {
          NoCopy: false,
          Labels: preview ? { ...Labels, ...ofPreview } : Labels,
          DriverConfig: { Name: 'local', Options: {} },
        },
      }),
    ),
  ];
}

type DockerMount = NonNullable<NonNullable<DockerContainerOptions['HostConfig']>['Mounts']>[number];
