/**
 * The carrier as the agent holds it: loaded when the master first speaks of an image that no registry has (or an earlier agent left
 * a registry behind), so that most agents never have it in memory. Everything asked of it before then waits for it.
 */
import type { Carry, CarryObserved, SentRegistry } from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import { sentAuth } from '../registry-auth.js';
import type { Carrier, CarrierOptions } from './carrier.js';

export interface AgentCarrier {
  apply(carry: Carry): void;
  get(): Pick<Carrier, 'fetch'>;
  /** What the master has said of registries, from now on. */
  setRegistries(registries: Readonly<Record<string, SentRegistry>>): void;
  relay(id: string): void;
  renewed(): void;
  /** Beside what is here and lacks: where it serves, and why it can't. */
  observed(): Pick<CarryObserved, 'port' | 'problem' | 'pushed'>;
  /** Calls `listener` when `observed` has changed; one listener. */
  watch(listener: () => void): void;
  stop(): Promise<void>;
}

export function lazyCarrier(
  load: () => Promise<{ createCarrier: (options: CarrierOptions) => Carrier }>,
  options: Omit<CarrierOptions, 'onChange' | 'auth'>,
  isLeft: boolean,
): AgentCarrier {
  let loading: Promise<Carrier> | null = null;
  let made: Carrier | null = null;
  let registries: Readonly<Record<string, SentRegistry>> = {};
  let trouble: string | null = null;
  let heard: () => void = () => undefined;
  const carrier = (): Promise<Carrier> => {
    loading ??= load()
      .then(({ createCarrier }) => {
        made = createCarrier({
          ...options,
          auth: (reference) => sentAuth(reference, registries),
          onChange: () => heard(),
        });
        return made;
      })
      .catch((error: unknown) => {
        loading = null;
        throw error;
      });
    return loading;
  };
  /** What keeps it from being made (a full disk) is said, and tried again with the next assignment. */
  const when = (work: (carrier: Carrier) => void): void => {
    const failed = (error: unknown): void => {
      trouble = messageOf(error);
      heard();
    };
    carrier().then((one) => {
      trouble = null;
      work(one);
    }, failed);
  };
  if (isLeft) when(() => undefined);
  return {
    apply(carry) {
      const isAny = carry.fetch.length + carry.serve.length + (carry.push?.length ?? 0) > 0;
      if (isAny || loading !== null) when((one) => one.apply(carry));
    },
    setRegistries(next) {
      registries = next;
    },
    get: () => ({ fetch: async (...asked) => (await carrier()).fetch(...asked) }),
    relay: (id) => when((one) => one.relay(id)),
    renewed: () => made?.renewed(),
    observed() {
      const pushed = made?.pushed() ?? [];
      const told = pushed.length === 0 ? {} : { pushed };
      return { port: made?.port() ?? null, problem: made?.problem() ?? trouble, ...told };
    },
    watch(listener) {
      heard = listener;
    },
    stop: async () => (await loading?.catch(() => null))?.stop(),
  };
}
