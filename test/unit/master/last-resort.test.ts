import { EventEmitter } from 'node:events';
import t from 'tap';
import { lastResort, type Program } from '../../../master/last-resort.js';
import { ofOneConnection } from '../../../shared/of-one-connection.js';

function aProgram() {
  const told: [data: { reason?: string; stack?: string }, message: string][] = [];
  const exits: number[] = [];
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (data: object, message: string) => void told.push([data, message]),
  };
  const program: Program & EventEmitter = Object.assign(new EventEmitter(), {
    exit: (code: number) => void exits.push(code),
  });
  return { log, program, told, exits };
}

t.test('a promise that nobody waited for is logged, and the program goes on', async (t) => {
  const { log, program, told, exits } = aProgram();
  lastResort(log, program);
  program.emit('unhandledRejection', new Error('forgotten'));
  t.match(told, [[{ reason: 'forgotten', stack: /last-resort/ }, 'unhandled rejection']]);
  t.same(exits, []);
});

t.test('an exception that nothing caught is logged, and the program ends', async (t) => {
  const { log, program, told, exits } = aProgram();
  lastResort(log, program);
  program.emit('uncaughtException', new Error('torn'));
  t.match(told, [[{ reason: 'torn', stack: /last-resort/ }, /^uncaught exception/]]);
  t.same(exits, [1]);
});

t.test('what the listener of a connection throws ends that connection', async (t) => {
  const { log, told } = aProgram();
  const ended: string[] = [];
  const listener = ofOneConnection(
    log,
    (name: string) => {
      if (name === 'bad') throw new URIError('malformed');
    },
    (name) => void ended.push(name),
  );
  listener('good');
  t.same([ended, told], [[], []]);
  listener('bad');
  t.same(ended, ['bad']);
  t.match(told, [[{ reason: 'malformed' }, /a connection is ended/]]);
});
