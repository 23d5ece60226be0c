/** One line of `orca doctor`. */

/** `todo` says what to do, and is empty for what is as it should be. */
export interface Check {
  name: string;
  ok: boolean;
  found: string;
  todo: string;
}
