import { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import t from 'tap';
import { createCrowd } from '../../../master/crowd.js';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A server, and connections to it that are open until they are destroyed. */
function aServer(limits: { soft: number; hard: number; graceMs: number }) {
  const warnings: object[] = [];
  const crowd = createCrowd({ ...silent, warn: (data) => void warnings.push(data) }, limits);
  const server = new EventEmitter();
  crowd.watch(server as Server);
  let port = 0;
  const come = () => {
    const socket = Object.assign(new EventEmitter(), {
      remoteAddress: '192.0.2.1',
      remotePort: ++port,
      isOpen: true,
      destroy() {
        socket.isOpen = false;
        socket.emit('close');
      },
    });
    server.emit('connection', socket as unknown as Socket);
    return socket;
  };
  return { crowd, come, warnings };
}

t.test('within the grace nobody is closed below the upper bound, and above it the oldest', async (t) => {
  const { crowd, come, warnings } = aServer({ soft: 2, hard: 4, graceMs: 60_000 });
  const sockets = [1, 2, 3, 4, 5, 6].map(come);
  t.same(
    sockets.map(({ isOpen }) => isOpen),
    [false, false, true, true, true, true],
  );
  t.equal(crowd.size(), 4);
  t.same(warnings, [{ connections: 1 }], 'told once a minute');
});

t.test('behind the grace the lower bound counts', async (t) => {
  const { come } = aServer({ soft: 2, hard: 4, graceMs: -1 });
  t.same(
    [1, 2, 3].map(come).map(({ isOpen }) => isOpen),
    [false, true, true],
  );
});

t.test('who has proved who they are is closed for nobody, and who is gone takes no place', async (t) => {
  const { crowd, come } = aServer({ soft: 1, hard: 1, graceMs: 0 });
  const known = come();
  crowd.proved(known);
  const gone = come();
  gone.emit('close');
  const last = come();
  t.ok(known.isOpen && gone.isOpen && last.isOpen);
  t.equal(crowd.size(), 1);
});
