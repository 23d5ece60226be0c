/** Puts together who may do what (tokens), and what is told of it (the audit trail). */
import { isWeak, weakTokenNotes } from '../shared/config/cluster-access.js';
import type { Log } from '../shared/log.js';
import { settleAdminToken, writeAdminToken } from './admin-token.js';
import { createAudit } from './control/audit.js';
import { auditAfter, readAudit, verifyAudit } from './control/audit-reader.js';
import { createTokenUses } from './control/token-use.js';
import { createTokens } from './control/tokens.js';
import type { Access } from './http/access-ports.js';
import type { MasterSettings } from './settings.js';
import type { Store } from './store/store.js';

export interface AccessOptions {
  home: string;
  store: Store;
  caFingerprint: string;
  version: string;
  settings: () => Pick<MasterSettings, 'tokens' | 'auditRetentionMs'>;
  log: Log;
}

export function createAccess(options: AccessOptions): Access & { reloaded(): void; stop(): void } {
  const { home, store, caFingerprint, settings, log } = options;
  settleAdminToken(home, store, caFingerprint);
  const trail = createAudit({ store, retentionMs: () => settings().auditRetentionMs, nowMs: Date.now, log });
  const tokens = createTokens({
    ...{ store, caFingerprint, nowMs: Date.now },
    configured: () => settings().tokens.map((token) => ({ ...token, isWeak: isWeak(token) })),
    uses: createTokenUses(store, log),
    writeAdmin: (text) => writeAdminToken(home, text),
  });
  for (const note of weakTokenNotes(settings().tokens)) log.warn({}, note);
  if (store.isAuditAnew()) {
    log.warn({}, ANEW);
    void trail.tell('audit.anew', ANEW);
  }
  void trail.tell('master.start', `the master was started, version ${options.version}`);
  return {
    tokens,
    audit: {
      during: trail.during,
      refused: trail.refused,
      read: (query) => readAudit(store, query),
      after: (number) => auditAfter(store, number),
      verify: (kept) => verifyAudit(store, kept),
    },
    /** cluster.toml was read again. */
    reloaded: () => {
      tokens.changed();
      void trail.tell('master.reload', 'cluster.toml was read again');
    },
    stop: () => {
      tokens.stop();
      trail.stop();
    },
  };
}

const ANEW = 'the audit trail begins anew: this home had one, and the store has nothing of it';
