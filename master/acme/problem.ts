/** Why a name got no certificate, in words for its owner: what happened, in the CA's own text where it is the CA's, and what to do. */
export class AcmeFailure extends Error {
  readonly todo: string | null;
  /** The CA wants nothing before that, ms; 0: it said nothing. */
  readonly notBeforeMs: number;

  /** The CA was not there, or was not told anything: what was begun with it may go on. */
  readonly isGone: boolean;

  constructor(
    reason: string,
    todo: string | null = null,
    more: { notBeforeMs?: number; isGone?: boolean } = {},
  ) {
    super(reason);
    this.todo = todo;
    this.notBeforeMs = more.notBeforeMs ?? 0;
    this.isGone = more.isGone ?? false;
  }
}

/** A problem document of a CA (RFC 8555, 6.7). */
export class CaProblem extends Error {
  /** Such as `accountDoesNotExist`. */
  readonly type: string;
  readonly notBeforeMs: number;

  constructor(type: string, detail: string, notBeforeMs: number) {
    super(detail);
    this.type = type;
    this.notBeforeMs = notBeforeMs;
  }
}
