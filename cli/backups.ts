/** What reads and restores backups: a part of the master, loaded when a command needs it. */
import type { BackupParts } from './programs.js';

export async function backupParts(): Promise<BackupParts> {
  return (await import('./programs.js')).loadBackupParts();
}
