/** The commands about who may do what, and who did. */
import { json, type Verb } from './verb.js';

export const accessVerbs: Verb[] = [
  {
    usage: 'token <create|list|revoke|rotate> [name]',
    summary: 'who may use the API: make a token (shown once), list them, revoke one or give it another value',
    options: [
      ['--name <name>', 'create: what it is called, such as ci'],
      ['--role <role>', 'create: admin, deployer or viewer'],
      ['--project <project...>', 'create: only of this project; may be given several times'],
      ['--ttl <time>', 'create: how long it lasts, such as 90d (for ever)'],
      ['--overlap <time>', 'rotate: how long the old value is taken too, such as 1h (not at all)'],
      json,
    ],
    load: async () => (await import('./commands/token.js')).token,
  },
  {
    usage: 'login <url>',
    summary:
      'use the master at that URL from here on, with a token from standard input, ORCA_TOKEN or --token',
    options: [['--fingerprint <sha256>', "of the cluster's CA, where the token does not carry it"], json],
    load: async () => (await import('./commands/login.js')).login,
  },
  {
    usage: 'logout',
    summary: 'forget the master and the token of `orca login`',
    options: [json],
    load: async () => (await import('./commands/logout.js')).logout,
  },
  {
    usage: 'audit',
    summary: 'who did what, from where, and what came of it',
    options: [
      ['-f, --follow', 'go on showing it'],
      ['--since <time>', 'only what is younger, such as 10m'],
      ['--by <name>', 'only of this token, node or webhook'],
      ['-n, --tail <entries>', 'the last of them (100)'],
      ['--verify', 'check that no entry was changed or is missing'],
      ['--head <number:hash>', 'verify: also that an earlier end, kept elsewhere, is still in it'],
      json,
    ],
    load: async () => (await import('./commands/audit.js')).audit,
  },
];
