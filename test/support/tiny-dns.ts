/**
 * A name server for hosts of a test bed, which reach none: `node tiny-dns.js ADDRESS NAME` answers 203.0.113.80 for NAME, and says
 * of every other one that it does not exist. Prints a line once it listens.
 */
import { createSocket } from 'node:dgram';
import dnsPacket from 'dns-packet';

const [address = '', known = ''] = process.argv.slice(2);
const socket = createSocket('udp4');
socket.on('message', (query, from) => {
  const { id = 0, questions = [] } = dnsPacket.decode(query);
  const [question] = questions;
  const isKnown = question?.name === known;
  const reply = dnsPacket.encode({
    type: 'response',
    id,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (isKnown ? 0 : 3),
    questions,
    answers:
      isKnown && question.type === 'A' ? [{ type: 'A', name: known, ttl: 0, data: '203.0.113.80' }] : [],
  });
  socket.send(reply, from.port, from.address);
});
socket.bind({ address, port: 53 }, () => console.log('listening'));
