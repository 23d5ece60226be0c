/**
 * The table of commands: how each is called, what it does, and the file that does it. Files are imported when their
 * command runs, so that a command line pays for its own command only.
 */
import { accessVerbs } from './access-verbs.js';
import type { Command } from './context.js';
import { sourceVerbs } from './source-verbs.js';
import { dryRun, json, project, type Verb } from './verb.js';

const file: [string, string] = ['-f, --file <path>', 'a service file, or a folder that holds some'];
const detach: [string, string] = ['--detach', "don't wait for the result"];
const timeout: [string, string] = ['--timeout <time>', 'stop waiting after this time, such as 5m'];
const follow: [string, string][] = [detach, timeout, project, json];

/** For the help and the completions; `run` hands these two over before any option is read. */
const programs: Verb[] = [
  { usage: 'server [flags...]', summary: 'run the master (see `orca server --help`)', load: notHere },
  { usage: 'agent [flags...]', summary: 'run the agent of a node', load: notHere },
];

export const verbs: Verb[] = [
  {
    usage: 'deploy [service...]',
    summary:
      'bring services to what their files say; shows the plan, then progress, and waits for the result',
    options: [file, dryRun, detach, timeout, json],
    load: async () => (await import('./commands/deploy.js')).deploy,
  },
  {
    usage: 'diff [service...]',
    summary: 'what deploy would change',
    options: [file, json],
    load: async () => (await import('./commands/diff.js')).diff,
  },
  {
    usage: 'status [service]',
    summary: 'what runs, and why anything is not as asked for',
    options: [['-w, --watch', 'go on showing it'], ['--project <project>', 'of one project only'], json],
    load: async () => (await import('./commands/status.js')).status,
  },
  {
    usage: 'history <service>',
    summary: 'releases that are kept, and rollouts: who, when, what came of it, and why',
    options: [project, json],
    load: async () => (await import('./commands/history.js')).history,
  },
  {
    usage: 'rollback <service>',
    summary: 'take a canary away; without one bring back the release before this one, or the one named',
    options: [['--to <release>', 'such as v3'], dryRun, ...follow],
    load: async () => (await import('./commands/rollback.js')).rollback,
  },
  {
    usage: 'promote <service>',
    summary: 'make the canary the stable release',
    options: [['--weight <percent>', 'only give it this much of the traffic'], dryRun, ...follow],
    load: async () => (await import('./commands/promote.js')).promote,
  },
  {
    usage: 'rollout <pause|resume> <service>',
    summary: 'hold what is under way where it stands, or let it go on',
    options: [project, json],
    load: async () => (await import('./commands/rollout.js')).rollout,
  },
  {
    usage: 'maintenance <on|off> <service>',
    summary: 'answer 503 with a page and keep the containers, or end that',
    options: [['--message <text>', 'what the page says'], project, json],
    load: async () => (await import('./commands/maintenance.js')).maintenance,
  },
  {
    usage: 'scale <service> <replicas>',
    summary: 'change the number of copies',
    options: [project, json],
    load: async () => (await import('./commands/scale.js')).scale,
  },
  {
    usage: 'rebalance <service>',
    summary: 'spread its copies over the nodes evenly again',
    options: [dryRun, ...follow],
    load: async () => (await import('./commands/rebalance.js')).rebalance,
  },
  {
    usage: 'stop <service>',
    summary: 'stop it and keep its configuration',
    options: [project, json],
    load: async () => (await import('./commands/stop.js')).stop,
  },
  {
    usage: 'start <service>',
    summary: 'start what was stopped',
    options: [project, json],
    load: async () => (await import('./commands/start.js')).start,
  },
  {
    usage: 'rm <service>',
    summary: 'stop it and forget it; its volumes stay',
    options: [project, json],
    load: async () => (await import('./commands/rm.js')).rm,
  },
  {
    usage: 'redeploy <service>',
    summary: 'pull the image again and replace every copy',
    options: follow,
    load: async () => (await import('./commands/redeploy.js')).redeploy,
  },
  {
    usage: 'logs <service>',
    summary: 'what its containers wrote',
    options: [
      ['-f, --follow', 'go on showing it'],
      ['-n, --tail <lines>', 'only the last lines of each'],
      ['--since <time>', 'only what is younger, such as 10m'],
      ['--group <group>', 'only of stable, canary, or the job before a deploy (job)'],
      project,
      json,
    ],
    load: async () => (await import('./commands/logs.js')).logs,
  },
  {
    usage: 'events',
    summary: 'what happened',
    options: [['-f, --follow', 'go on showing it'], json],
    load: async () => (await import('./commands/events.js')).events,
  },
  {
    usage: 'nodes [action] [node] [values...]',
    summary:
      'hosts; cordon, uncordon, drain, undrain, label, role, rm or upgrade one of them (`orca nodes drain NODE`)',
    options: [
      ['--force', 'rm: give up what is on it'],
      ['--keep', 'rm: let go on there what Orca runs on it'],
      ['--detach', "drain: don't wait until it is drained"],
      ['--timeout <time>', 'drain, upgrade: wait no longer than this, such as 10m'],
      json,
    ],
    load: async () => (await import('./commands/nodes.js')).nodes,
  },
  {
    usage: 'registry [action] [host]',
    summary: 'who pulls images from a registry; login (the password from standard input), list, logout',
    options: [
      ['-u, --username <name>', 'login: the user there'],
      [
        '--command <json>',
        "login: in place of a password, a program on the master's host that gives it anew",
      ],
      ['--token-url <url>', 'login: or an https URL that gives it anew'],
      ['--bearer', 'login: ask --token-url with the bearer token on standard input'],
      json,
    ],
    load: async () => (await import('./commands/registry.js')).registry,
  },
  {
    usage: 'join-token <create|list|revoke> [id]',
    summary: 'what lets hosts join: make a token (shown once), list them, or revoke one',
    options: [
      ['--ttl <time>', 'how long it can be used (1h)'],
      ['--uses <n>', 'for how many hosts (1)'],
      ['--labels <k=v,...>', 'labels of the nodes that join with it'],
      json,
    ],
    load: async () => (await import('./commands/join-token.js')).joinToken,
  },
  ...accessVerbs,
  ...sourceVerbs,
  {
    usage: 'certs [action] [name]',
    summary:
      'what names are served with; add or rm a certificate of yours, retry NAME what failed, ca prints the root of the cluster',
    options: [
      ['--cert <file>', 'add: the certificate with its chain, PEM'],
      ['--key <file>', 'add: its key, PEM'],
      json,
    ],
    load: async () => (await import('./commands/certs.js')).certs,
  },
  {
    usage: 'secrets [action] [key] [value]',
    summary:
      'values that services refer to and nobody reads: set (from standard input, --file or an argument), list, rm, import FILE, rotate-key',
    options: [
      ['--project <project>', 'of this project alone'],
      ['--file <path>', 'set: the value is what this file holds'],
      ['--preview', 'set, import: previews of pull requests may have it too'],
      ['--no-preview', 'set, import: they may not any more'],
      ['--redeploy', 'roll the services that use it'],
      ['--force', 'rm: though services use it'],
      detach,
      timeout,
      json,
    ],
    load: async () => (await import('./commands/secrets.js')).secrets,
  },
  {
    usage: 'join <url>',
    summary:
      'make this host a node of the master at that URL, with the token of `orca join-token create` from standard input, --token-file or --token',
    options: [
      ['--token-file <file>', 'the file that holds the join token; `-`: standard input'],
      ['--home <dir>', 'where the node keeps its identity (ORCA_HOME)'],
      ['--name <name>', "what the node is called (the host's name)"],
      ['--advertise <address>', 'where other nodes reach this one (the address that reaches the master)'],
      ['--docker <address>', "Docker's socket (unix:///var/run/docker.sock)"],
      ['--check', 'only look whether this host could join'],
      ['--docker-later', "don't look at Docker, which comes afterwards"],
      ['--ready', 'only wait until the master says that this node is up'],
      json,
    ],
    load: async () => (await import('./commands/join.js')).join,
  },
  {
    usage: 'adopt [node...]',
    summary: 'what runs on nodes that this master knows less of than their agents; --apply takes it over',
    options: [
      ['--apply', 'do it; no container is touched'],
      ['--partial', 'also when copies are missing: those are made anew'],
      json,
    ],
    load: async () => (await import('./commands/adopt.js')).adopt,
  },
  {
    usage: 'backup <file>',
    summary: "write the master's state into one file (`-`: stdout); it holds every secret of the cluster",
    options: [['--force', 'replace the file']],
    load: async () => (await import('./commands/backup.js')).backup,
  },
  {
    usage: 'restore <file>',
    summary: 'make a home on this host what a backup says; start the master with it afterwards',
    options: [
      ['--home <dir>', 'the home (ORCA_HOME)'],
      ['--force', 'replace what is there; it is kept beside the home'],
      ['--revoke-tokens', 'tokens and join tokens of the backup are good no more'],
      json,
    ],
    load: async () => (await import('./commands/restore.js')).restore,
  },
  {
    usage: 'doctor',
    summary: 'check what Orca needs on this host',
    options: [json],
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
  {
    usage: 'reload',
    summary: 'read cluster.toml again',
    options: [json],
    load: async () => (await import('./commands/reload.js')).reload,
  },
  {
    usage: 'version',
    summary: 'print the version',
    options: [json],
    load: async () => (await import('./commands/version.js')).versionCommand,
  },
  {
    usage: 'completions <shell>',
    summary: 'print completions for bash, zsh or fish',
    load: async () => (await import('./commands/completions.js')).completions,
  },
  ...programs,
];

async function notHere(): Promise<Command> {
  throw new Error('server and agent are started before the command line is read');
}
