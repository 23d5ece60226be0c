/** What the environment of a process has that the master starts. */

/** The key that seals is nobody else's business. */
const FOR_MASTER = /^(ORCA_KEY(_PREVIOUS)?|CREDENTIALS_DIRECTORY)$/;

export function childEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !FOR_MASTER.test(name)));
}
