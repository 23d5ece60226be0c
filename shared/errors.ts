/**
 * Every error that a user can meet: one table of codes, each with its HTTP status, the CLI's exit code and what to do
 * next. `docs/errors.md` is kept equal to it by a test. Rendered in two places only: the API's error handler and the
 * CLI's printer.
 */

/** Exit codes of the CLI: 1 failed, 2 wrong usage or bad config, 3 master not reachable, 4 not allowed. */
export const errorTable = {
  CONFIG_INVALID: {
    status: 400,
    exit: 2,
    hint: 'Mend the named key and run the command again; nothing was changed.',
  },
  CONFIG_NOT_FOUND: {
    status: 404,
    exit: 2,
    hint: 'Run the command below a folder with services/<project>/service.toml, or pass -f PATH.',
  },
  USAGE: { status: 400, exit: 2, hint: 'See `orca help` for the commands and their options.' },
  BODY_INVALID: {
    status: 400,
    exit: 2,
    hint: 'See GET /api/v1/openapi.json for the shape that this path takes.',
  },
  BODY_TOO_LARGE: { status: 413, exit: 2, hint: 'Send fewer services in one call; a body may have 4 MiB.' },
  NOT_AUTHENTICATED: {
    status: 401,
    exit: 4,
    hint: 'Pass a token: `orca login`, --token, ORCA_TOKEN, or run as the user who owns the Orca home.',
  },
  SIGNATURE_INVALID: {
    status: 401,
    exit: 4,
    hint: 'Give the provider the secret and the URL that `orca webhooks add` printed; see docs/webhooks.md.',
  },
  NOT_ALLOWED: { status: 403, exit: 4, hint: 'Use a token whose role allows this.' },
  NOT_FOUND: { status: 404, exit: 1, hint: 'See `orca status` for what exists.' },
  SERVICE_NOT_FOUND: { status: 404, exit: 1, hint: 'See `orca status` for the services there are.' },
  SERVICE_AMBIGUOUS: { status: 409, exit: 2, hint: 'Name it as project/service.' },
  RELEASE_NOT_FOUND: {
    status: 404,
    exit: 1,
    hint: 'See `orca history SERVICE` for the releases that are kept.',
  },
  ROLLOUT_NOT_FOUND: { status: 404, exit: 1, hint: 'See `orca history SERVICE`.' },
  ROUTE_TAKEN: { status: 409, exit: 2, hint: 'Give one of the two services another domain or path.' },
  NO_NODE_FITS: {
    status: 409,
    exit: 1,
    hint: 'Mend [service.placement] or [service.resources], or join a node that fits; see `orca nodes`.',
  },
  NOTHING_TO_ROLL_BACK: {
    status: 409,
    exit: 1,
    hint: 'There is no earlier release; deploy the one you want instead.',
  },
  NOTHING_TO_PROMOTE: {
    status: 409,
    exit: 1,
    hint: 'Deploy with strategy = "canary" first; see `orca status SERVICE` for what is under way.',
  },
  CONFLICT: { status: 409, exit: 1, hint: 'Look at `orca status` and try again.' },
  NOT_SUPPORTED: { status: 400, exit: 2, hint: 'Remove the named setting; this version does not have it.' },
  SECRET_MISSING: {
    status: 400,
    exit: 2,
    hint: 'Set it first (`orca secrets set KEY`, with --project for one project alone); nothing was changed.',
  },
  SECRET_NOT_FOUND: { status: 404, exit: 1, hint: 'See `orca secrets list` for those there are.' },
  SECRET_IN_USE: {
    status: 409,
    exit: 1,
    hint: 'Deploy the services (or write cluster.toml) without it first, or pass --force; nothing was changed.',
  },
  SECRET_UNREADABLE: {
    status: 500,
    exit: 1,
    hint: 'Its stored value was changed outside of Orca: set it anew, or restore a backup.',
  },
  REGISTRY_NOT_FOUND: { status: 404, exit: 1, hint: 'See `orca registry list` for those there are.' },
  KEY_MISSING: {
    status: 500,
    exit: 1,
    hint: 'Put back master.key, or start the master with the key as ORCA_KEY (or the credential orca-key).',
  },
  KEY_INVALID: {
    status: 400,
    exit: 2,
    hint: 'A key is 32 random bytes in base64, such as `openssl rand -base64 32` prints.',
  },
  ROLLOUT_FAILED: {
    status: 500,
    exit: 1,
    hint: 'See `orca status SERVICE`, which keeps the last lines of what failed.',
  },
  TIMEOUT: { status: 504, exit: 1, hint: 'The rollout goes on; follow it with `orca status --watch`.' },
  UPGRADE_FAILED: {
    status: 502,
    exit: 1,
    hint: "What ran before goes on there; see `orca nodes`, and the agent's log on its host.",
  },
  MASTER_UNREACHABLE: {
    status: 503,
    exit: 3,
    hint: 'Is the master running? See `orca doctor`; set --api or ORCA_API if it is elsewhere.',
  },
  NODE_UNREACHABLE: {
    status: 503,
    exit: 1,
    hint: 'See `orca status` for the node; its agent reconnects by itself.',
  },
  JOIN_TOKEN_INVALID: {
    status: 401,
    exit: 4,
    hint: 'Make a new one on the master with `orca join-token create`, and pass it whole.',
  },
  JOIN_TOKEN_EXPIRED: {
    status: 403,
    exit: 4,
    hint: 'Make a new one with `orca join-token create`; --ttl says how long it lasts.',
  },
  JOIN_TOKEN_REVOKED: {
    status: 403,
    exit: 4,
    hint: 'Make a new one with `orca join-token create`.',
  },
  JOIN_TOKEN_USED: {
    status: 403,
    exit: 4,
    hint: 'Make a new one with `orca join-token create`; --uses says for how many hosts.',
  },
  CA_MISMATCH: {
    status: 403,
    exit: 4,
    hint: 'Check the URL, and that the token is of that master; nothing was sent to it.',
  },
  PROTOCOL_MISMATCH: {
    status: 409,
    exit: 1,
    hint: "Install the master's version of Orca on this host and run the command again.",
  },
  CLOCK_SKEW: {
    status: 409,
    exit: 1,
    hint: 'Set the clock of the host that is wrong (`timedatectl set-ntp true`) and run the command again.',
  },
  CSR_INVALID: {
    status: 400,
    exit: 1,
    hint: "Run `orca join` of the master's version; it makes the signing request.",
  },
  NODE_NAME_TAKEN: {
    status: 409,
    exit: 2,
    hint: 'Join with another --name, or --advertise; see `orca nodes` for the names there are.',
  },
  NODE_NOT_ENROLLED: {
    status: 403,
    exit: 4,
    hint: 'Run `orca join URL --token T` on that host, with a token of `orca join-token create`.',
  },
  HOME_UNSAFE: {
    status: 500,
    exit: 4,
    hint: 'Mend owner or mode as it is said there, and start again; see docs/hardening.md.',
  },
  HOME_TAKEN: {
    status: 409,
    exit: 2,
    hint: 'Join with another --home, or move that one away first.',
  },
  PREFLIGHT_FAILED: {
    status: 409,
    exit: 1,
    hint: 'Nothing was changed: mend what is named above and run the command again.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    exit: 1,
    hint: 'Wait a minute and run the command again.',
  },
  STORE_FULL: {
    status: 507,
    exit: 1,
    hint: 'Free space on the disk that holds the Orca home; nothing was changed.',
  },
  BACKUP_INVALID: {
    status: 400,
    exit: 1,
    hint: 'Take another backup, whole and unchanged; nothing was changed here.',
  },
  STORE_TOO_NEW: {
    status: 500,
    exit: 1,
    hint: 'Start the version of Orca that wrote this home, or a newer one.',
  },
  ALREADY_RUNNING: { status: 409, exit: 1, hint: 'Stop the one that runs, or give this one another --home.' },
  PORT_TAKEN: { status: 409, exit: 1, hint: 'Stop what listens there, or choose another port.' },
  DOCKER_UNREACHABLE: {
    status: 503,
    exit: 1,
    hint: 'Start Docker (`systemctl start docker`, or dockerd), or name its socket with --docker.',
  },
  INTERNAL: {
    status: 500,
    exit: 1,
    hint: 'This is a defect of Orca: please report it with the lines around it in the log.',
  },
} as const satisfies Record<string, { status: number; exit: number; hint: string }>;

export type ErrorCode = keyof typeof errorTable;

/** A code that came over the wire; null for one that this version does not know. */
export function knownCode(code: string | null | undefined): ErrorCode | null {
  return typeof code === 'string' && Object.hasOwn(errorTable, code) ? (code as ErrorCode) : null;
}

/** The one error class. `message` says what happened to which thing; the hint may be more exact than the table's. */
export class OrcaError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: unknown;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; details?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OrcaError';
    this.code = code;
    this.hint = options.hint ?? errorTable[code].hint;
    this.details = options.details ?? null;
  }

  /** By name: the bundled CLI (cli/bundle.sh) has a copy of this class of its own, and runs the server, which has another. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'OrcaError';
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get exit(): number {
    return errorTable[this.code].exit;
  }
}

/** What a catch clause can say of anything thrown, in one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
