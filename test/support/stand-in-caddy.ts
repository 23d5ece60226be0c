/**
 * Stands in for a Caddy that was built with a DNS module, where there is none: the same commands, the same configuration on its standard input, a
 * real ACME client behind it, and the log lines that 2.11.9 writes. What it can't show is that Caddy itself does so: the suites run with
 * the real one too (`ORCA_TEST_DNS_CADDY`, CONTRIBUTING.md).
 */
import acme from 'acme-client';

interface Provider {
  name: string;
  server?: string;
  token?: string;
}

interface Config {
  apps: {
    tls: {
      certificates: { automate: [string] };
      automation: {
        policies: [
          { issuers: [{ ca: string; account_key: string; challenges: { dns: { provider: Provider } } }] },
        ];
      };
    };
  };
}

const [, , verb] = process.argv;
if (verb === 'list-modules') process.stdout.write('http\ntls\ndns.providers.orcatest\n');
else if (verb === 'validate') await validate();
else if (verb === 'run') await run();
else process.exitCode = 2;

async function readConfig(): Promise<Config> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return JSON.parse(text) as Config;
}

function issuerOf(config: Config) {
  return config.apps.tls.automation.policies[0].issuers[0];
}

async function validate(): Promise<void> {
  const { server } = issuerOf(await readConfig()).challenges.dns.provider;
  if (server !== undefined) return;
  process.stderr.write(
    "Error: loading tls app module: provision tls: loading module 'acme': provision tls.issuance.acme: loading DNS provider module: loading module 'orcatest': provision dns.providers.orcatest: orcatest needs a server\n",
  );
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const config = await readConfig();
  const [name] = config.apps.tls.certificates.automate;
  const alive = setInterval(() => undefined, 60_000);
  try {
    await obtain(name, issuerOf(config));
  } catch (error) {
    const said = { level: 'error', logger: 'tls.obtain', msg: 'could not get certificate from issuer' };
    const text = `[${name}] solving challenges: presenting for challenge: ${(error as Error).message} (order=http://127.0.0.1:1/order/1)`;
    process.stderr.write(`${JSON.stringify({ ...said, identifier: name, error: text })}\n`);
  }
  // As Caddy does: it would try again.
  if (process.env.STAND_IN_ENDS) clearInterval(alive);
}

async function obtain(
  name: string,
  { ca, account_key, challenges }: ReturnType<typeof issuerOf>,
): Promise<void> {
  const client = new acme.Client({ directoryUrl: ca, accountKey: account_key });
  await client.createAccount({ onlyReturnExisting: true });
  const order = await client.createOrder({ identifiers: [{ type: 'dns', value: name }] });
  const [authorization] = await client.getAuthorizations(order);
  const challenge = authorization?.challenges.find(({ type }) => type === 'dns-01');
  if (!authorization || !challenge) throw new Error('no challenge');
  const record = {
    name: `_acme-challenge.${authorization.identifier.value}`,
    value: await client.getChallengeKeyAuthorization(challenge),
  };
  await tell('append', record, challenges.dns.provider);
  await client.completeChallenge(challenge);
  await client.waitForValidStatus(authorization);
  await tell('delete', record, challenges.dns.provider);
  const [, csr] = await acme.crypto.createCsr({ altNames: [name] });
  await client.finalizeOrder(order, csr).catch(() => undefined);
}

async function tell(verb: string, record: object, { server, token }: Provider): Promise<void> {
  const answer = await fetch(`${server}/${verb}`, {
    ...{ method: 'POST', body: JSON.stringify(record), headers: { authorization: `Bearer ${token}` } },
  });
  if (!answer.ok)
    throw new Error(
      `adding temporary record for zone "example.com.": the DNS API answers ${answer.status}: ${await answer.text()}`,
    );
}
