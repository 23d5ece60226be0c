/**
 * SIGUSR1 opens Node's inspector on the loopback, where anybody of this host may then run code in our program. Taken over, it does
 * nothing. (`--disable-sigusr1` would do the same from the first moment on, but Node 20 does not start with it.)
 */
export function takeSignals(): void {
  process.on('SIGUSR1', () => undefined);
}
