/**
 * The two long-running programs that the one binary also is, and what it does to the home of a master that does not run. This is the only place of the CLI that reaches into
 * `master` and `agent`, and only when one of them is asked for: every other command starts without their weight.
 */

/** Runs `orca server` with its own flags, untouched. */
export async function runServer(argv: string[]): Promise<void> {
  const { masterProgram } = await import('../master/program.js');
  await masterProgram(argv);
}

/** Runs `orca agent` with its own flags, untouched. */
export async function runAgent(argv: string[]): Promise<void> {
  const { agentProgram } = await import('../agent/main.js');
  await agentProgram(argv);
}

export type BackupParts = Pick<typeof import('../master/backup/restore.js'), 'checkBackup' | 'restoreHome'>;

/** Reads backups, and makes homes of them. */
export function loadBackupParts(): Promise<BackupParts> {
  return import('../master/backup/restore.js');
}
