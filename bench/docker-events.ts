/** When Docker did what, by its own events: where the time of a deploy or a replacement goes. */
import { dockerCall, filters } from '../test/support/docker.js';
import { now } from './first-answer.js';

export interface ContainerEvent {
  action: string;
  atMs: number;
  container: string;
  labels: Record<string, string>;
}

/** The time of the first event of each action (`create`, `start`, `die`…) since then, of the containers that are meant. */
export async function containerEvents(
  sinceMs: number,
  isMeant: (event: ContainerEvent) => boolean,
): Promise<Record<string, number>> {
  const until = (now() / 1_000).toFixed(6);
  const since = (sinceMs / 1_000).toFixed(6);
  const type = filters({ type: ['container'] });
  const { text } = await dockerCall('GET', `/events?since=${since}&until=${until}&filters=${type}`);
  const first: Record<string, number> = {};
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const event = decode(line);
    if (isMeant(event)) first[event.action] ??= event.atMs;
  }
  return first;
}

function decode(line: string): ContainerEvent {
  const { Action, timeNano, Actor } = JSON.parse(line) as {
    Action: string;
    timeNano: number;
    Actor: { Attributes: Record<string, string> };
  };
  const labels = Actor.Attributes;
  return { action: Action, atMs: timeNano / 1e6, container: labels.name ?? '', labels };
}
