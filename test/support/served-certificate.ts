/** What a client is shown that asks an ingress on its port 443 for a name. */
import { connect, type PeerCertificate } from 'node:tls';

export function servedCertificate(address: string, name: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: 443, servername: name, rejectUnauthorized: false });
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
