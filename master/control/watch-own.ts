/** Looks at the user's certificate files every few seconds, and at once when a service changes; says when others are to be served. */
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { Store } from '../store/store.js';
import type { OwnCertificates } from './own-certificates.js';
import type { States } from './states.js';

/** A changed file is served within ten seconds: this, a look of the master's loop, and a load of Caddy's configuration. */
const LOOK_MS = 3_000;

export function watchOwn(options: {
  store: Store;
  states: States;
  own: Pick<OwnCertificates, 'look'>;
  onChange: () => void;
  log: Log;
  everyMs?: number;
}): Loop {
  const pass = async (): Promise<void> => {
    if (options.own.look(options.states.all())) options.onChange();
  };
  const loop = startLoop(pass, {
    everyMs: options.everyMs ?? LOOK_MS,
    onError: (error) =>
      options.log.error({ error: messageOf(error) }, 'certificate files could not be looked at'),
  });
  const unwatch = options.store.watch(({ services }) => {
    if (services.size > 0) loop.wake();
  });
  return {
    ...loop,
    stop: () => {
      unwatch();
      return loop.stop();
    },
  };
}
