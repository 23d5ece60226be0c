/** The commands of what comes from repositories: webhooks, builds, the keys that read them, and what is left of builds. */
import { dryRun, json, project, type Verb } from './verb.js';

export const sourceVerbs: Verb[] = [
  {
    usage: 'webhooks [action] [id]',
    summary:
      'which pushes deploy what; add, rm, deliveries, redeliver or test (`orca webhooks add --repo org/myapp --service myapp`)',
    options: [
      ['--repo <name>', 'add: the repository, as org/myapp; with --infra the address that git clones'],
      ['--service <service>', 'add: what its pushes deploy; not with --infra'],
      ['--branch <branch>', "add: which branch deploys (the repository's default branch)"],
      ['--tag <glob>', 'add: tags that deploy, such as v*; without --branch only these do'],
      ['--paths <globs>', "add: a push that touches none of these does not deploy, such as 'api/**,lib/**'"],
      ['--provider <name>', 'add: github, gitea, gitlab or generic (github)'],
      ['--image-tag <field>', "add, generic: where the payload has the image's tag, such as push_data.tag"],
      ['--secret <secret>', 'add: instead of one that is made; other users of this host can see it'],
      ['--secret-file <file>', 'add: the file that holds it (`-`: stdin)'],
      [
        '--status-secret <name>',
        "add: sets the commit's status with the token that this secret of Orca holds",
      ],
      ['--status-api <url>', "add: where the provider's API is, if not github.com's or gitlab.com's"],
      ['--preview', 'add: pull requests get copies of the service of their own'],
      ['--preview-limit <n>', 'add: so many of them at once (5)'],
      ['--preview-ttl <time>', 'add: how long after its last push one goes (7d)'],
      ['--preview-forks', 'add: also pull requests of forks, whose code anybody may have written'],
      [
        '--infra',
        'add: the repository has services/*/service.toml, and its pushes deploy what changed there',
      ],
      ['--prune', 'add, infra: also remove what this webhook deployed and the repository no longer has'],
      ['--path <globs>', "add, infra: which files count ('services/*/service.toml')"],
      ['--deploy-key <name>', 'add, infra: the secret with the private key, for a repository over ssh'],
      ['--token-secret <name>', 'add, infra: the secret with the token, for one over https'],
      ['--insecure-http', 'add, infra: take one over http://, which anybody on the way can change'],
      json,
    ],
    load: async () => (await import('./commands/webhooks.js')).webhooks,
  },
  {
    usage: 'builds [action] [build]',
    summary:
      'what was built from source, of one service or of all; logs BUILD prints what one said, cancel BUILD gives it up',
    options: [['-f, --follow', 'logs: go on to its end'], project, json],
    load: async () => (await import('./commands/builds.js')).builds,
  },
  {
    usage: 'deploy-key <create> <service>',
    summary: "make a key that reads the service's repository; prints the public half",
    options: [['--replace', 'in the place of the one that is there'], project, json],
    load: async () => (await import('./commands/deploy-key.js')).deployKey,
  },
  {
    usage: 'cleanup',
    summary: 'remove images that were built and that no kept release needs',
    options: [dryRun, json],
    load: async () => (await import('./commands/cleanup.js')).cleanup,
  },
];
