import { connect, createServer } from 'node:net';
import t from 'tap';
import {
  type Answer,
  createFrames,
  framed,
  GrpcError,
  grpcClient,
  NOT_FOUND,
  serveGrpc,
} from '../../../../agent/buildkit/grpc.js';

interface Tap {
  teardown(work: () => void): void;
}

/** Both ends of one connection. */
async function aPair(t: Tap, answers: [string, Answer][]) {
  const server = createServer((socket) => {
    const serving = serveGrpc(socket, new Map(answers));
    t.teardown(() => serving.close());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const socket = connect(port, '127.0.0.1');
  const client = grpcClient(socket);
  t.teardown(() => client.close());
  const call = async (path: string, request: string): Promise<string[]> => {
    const said: string[] = [];
    await client.call(path, Buffer.from(request), (message) => said.push(message.toString()));
    return said;
  };
  return { call, client, socket };
}

t.test('one message is answered with one, a stream with as many as come', async (t) => {
  const { call } = await aPair(t, [
    ['/a/One', { kind: 'one', run: (asked) => Buffer.from(`${asked} too`) }],
    [
      '/a/Many',
      {
        kind: 'many',
        async *run() {
          for (let at = 0; at < 40; at += 1) yield Buffer.alloc(100_000, at);
        },
      },
    ],
  ]);
  t.same(await call('/a/One', 'this'), ['this too']);
  const many = await call('/a/Many', '');
  t.equal(many.length, 40);
  t.ok(many.every((one) => one.length === 100_000));
});

t.test('errors arrive with their code and words', async (t) => {
  const fail = (): never => {
    throw new GrpcError(NOT_FOUND, 'there is no “a %” here\n');
  };
  const { call } = await aPair(t, [['/a/Fail', { kind: 'one', run: fail }]]);
  await t.rejects(call('/a/Fail', 'x'), { code: NOT_FOUND, message: 'there is no “a %” here\n' });
  await t.rejects(call('/a/None', 'x'), { code: 12 });
});

t.test('a connection that ends rejects what waits, and what is asked afterwards', async (t) => {
  let asked = (): void => undefined;
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const hang = (): Promise<Buffer> => {
    asked();
    return new Promise(() => undefined);
  };
  const { call, socket } = await aPair(t, [['/a/Hang', { kind: 'one', run: hang }]]);
  const waits = call('/a/Hang', 'x');
  await isAsked;
  socket.destroy();
  await t.rejects(waits, { code: 14 });
  await t.rejects(call('/a/Hang', 'x'), { code: 14 });
});

t.test('messages are put together from pieces of any size, and a huge one is refused', async (t) => {
  const said: string[] = [];
  const read = createFrames((message) => said.push(message.toString()));
  const bytes = Buffer.concat([
    framed(Buffer.from('one')),
    framed(Buffer.alloc(0)),
    framed(Buffer.from('two')),
  ]);
  for (const byte of bytes) read(Buffer.from([byte]));
  t.same(said, ['one', '', 'two']);
  t.throws(() => createFrames(() => undefined)(Buffer.from([0, 0xff, 0xff, 0xff, 0xff])), /was refused/);
});
