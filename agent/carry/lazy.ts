/**
 * The carrier as the agent holds it: loaded when the master first speaks of an image that no registry has (or an earlier agent left
 * a registry behind), so that most agents never have it in memory. Everything asked of it before then waits for it.
 */
import type { Carry, CarryObserved } from '../../shared/carry.js';
import type { Carrier, CarrierOptions } from './carrier.js';

export interface AgentCarrier {
  apply(carry: Carry): void;
  get(): Pick<Carrier, 'fetch'>;
  relay(id: string): void;
  renewed(): void;
  /** Beside what is here and lacks: where it serves, and why it can't. */
  observed(): Pick<CarryObserved, 'port' | 'problem'>;
  /** Calls `listener` when `observed` has changed; one listener. */
  watch(listener: () => void): void;
  stop(): Promise<void>;
}

export function lazyCarrier(
  load: () => Promise<{ createCarrier: (options: CarrierOptions) => Carrier }>,
  options: Omit<CarrierOptions, 'onChange'>,
  isLeft: boolean,
): AgentCarrier {
  let loading: Promise<Carrier> | null = null;
  let made: Carrier | null = null;
  let heard: () => void = () => undefined;
  const carrier = (): Promise<Carrier> => {
    loading ??= load().then(({ createCarrier }) => {
      made = createCarrier({ ...options, onChange: () => heard() });
      return made;
    });
    return loading;
  };
  const when = (work: (carrier: Carrier) => void): void => void carrier().then(work);
  if (isLeft) when(() => undefined);
  return {
    apply(carry) {
      const isAny = carry.fetch.length + carry.serve.length > 0;
      if (isAny || loading !== null) when((one) => one.apply(carry));
    },
    get: () => ({ fetch: async (...asked) => (await carrier()).fetch(...asked) }),
    relay: (id) => when((one) => one.relay(id)),
    renewed: () => made?.renewed(),
    observed: () => ({ port: made?.port() ?? null, problem: made?.problem() ?? null }),
    watch(listener) {
      heard = listener;
    },
    stop: async () => (await loading)?.stop(),
  };
}
