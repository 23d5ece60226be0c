/**
 * Certificates of a CA by ACME, on a host whose ports 80 and 443 are the ingress's: Pebble looks where Let's Encrypt would. What is
 * ordered, and that nothing else is, is read from Pebble's own log.
 */
import { connect, type PeerCertificate } from 'node:tls';
import t from 'tap';
import { nodeAppImage } from '../support/images.js';
import { makeOrca } from '../support/orca.js';
import { ORDER, startPebble } from '../support/pebble.js';
import { serviceToml } from '../support/service-toml.js';
import { type BedHost, startTestbed } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

const bed = await startTestbed(1);
t.teardown(() => bed.remove());
const [host] = bed.hosts as [BedHost];
const pebble = await startPebble(host);
t.teardown(() => pebble.stop());
const orca = await makeOrca({ host, cluster: `acme_email = "ops@example.com"\n${pebble.toml}` });
t.teardown(() => orca.stop());
await orca.startServer();
const image = 'orca-e2e/acme:1';
await nodeAppImage({ tag: image, env: { RELEASE: '1' }, docker: host.docker });

t.test('a name that points here gets a certificate of the CA', { timeout: 120_000 }, async (t) => {
  await pebble.point('shop.example.com', host.address);
  await orca.deployed(serviceToml({ name: 'web', image, domain: 'shop.example.com' }));
  await issued('shop.example.com');
  const ca = await pebble.root();
  const answer = await orca.get('shop.example.com', '/', { ca });
  t.equal(answer.status, 200);
  t.equal(pebble.count(ORDER), 1);
  t.match(await certificate('shop.example.com'), { source: 'acme', state: 'issued', reason: null });
});

/** Waits until it is served with a certificate of Pebble's. */
async function issued(name: string): Promise<PeerCertificate> {
  let seen = '';
  return waitFor(`a certificate of ${name}`, async () => {
    const found = await served(name);
    seen = String(found.issuer?.CN);
    return /^Pebble/.test(seen) && found;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${seen}\n${pebble.log().slice(-2_000)}\n${orca.log()}`);
  });
}

/** What a client is shown that asks for the name. */
function served(name: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host.address, port: 443, servername: name, rejectUnauthorized: false });
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

async function certificate(name: string) {
  return (await orca.status()).certificates.find((one) => one.name === name);
}
