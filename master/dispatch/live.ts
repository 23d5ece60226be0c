/** One live session, with what is under way on it. */
import type { Peer } from '../../shared/model.js';
import type { Cleanups } from './cleanups.js';
import type { Claimant } from './fights.js';
import type { HeardFigures } from './figures.js';
import type { LogStream } from './log-stream.js';
import type { Recalls } from './recalls.js';
import type { Session } from './session.js';
import type { SourceReads } from './source-reads.js';

export interface Live {
  session: Session;
  address: string;
  peer: Peer | null;
  recalls: Recalls;
  cleanups: Cleanups;
  sourceReads: SourceReads;
  hasSaidHello: boolean;
  /** Known from its hello on. */
  claimant: Claimant | null;
  statusNumber: number;
  inFlight: Map<string, number>;
  figures: HeardFigures | null;
  logs: Map<string, LogStream>;
}
