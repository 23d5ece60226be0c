/**
 * When so many copies of something answer, on several hosts at once, whoever runs them: each container with these labels is asked at its
 * host's address and published port until its first 200.
 */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { containersWith, type SeenContainer } from '../test/support/docker.js';
import { now, PAUSE_MS } from './first-answer.js';

export interface DockerHost {
  name: string;
  address: string;
  /** `unix:///…` */
  docker: string;
}

export interface Copies {
  hosts: readonly DockerHost[];
  labels: Record<string, string>;
  wanted: number;
}

const DEADLINE_MS = 240_000;

/** The time (as of `now`) at which the last of them was seen to answer; one that has ended since counts no more. */
export async function allAnswer({ hosts, labels, wanted }: Copies): Promise<number> {
  const answered = new Set<string>();
  const deadlineMs = now() + DEADLINE_MS;
  let last = 0;
  while (now() < deadlineMs) {
    const running = (await Promise.all(hosts.map((host) => runningOn(host, labels)))).flat();
    const asked = running.filter(({ Id }) => !answered.has(Id));
    await Promise.all(
      asked.map(async (one) => {
        if (await answers(one)) answered.add(one.Id);
      }),
    );
    last = running.filter(({ Id }) => answered.has(Id)).length;
    if (last >= wanted) return now();
    await pause(PAUSE_MS);
  }
  throw new Error(`${last} of ${wanted} answered within ${DEADLINE_MS / 1_000} s`);
}

export type Running = SeenContainer & { address: string };

export async function runningOn(
  { address, docker }: DockerHost,
  labels: Record<string, string>,
): Promise<Running[]> {
  const seen = await containersWith(labels, docker);
  return seen.filter(({ State }) => State === 'running').map((one) => ({ ...one, address }));
}

function answers({ address, Ports }: Running): Promise<boolean> {
  const port = Ports.find(({ PublicPort }) => PublicPort)?.PublicPort;
  if (port === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const sent = http.get({ host: address, port, path: '/', agent: false, timeout: 2_000 }, (response) => {
      resolve(response.statusCode === 200);
      response.destroy();
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve(false));
  });
}
