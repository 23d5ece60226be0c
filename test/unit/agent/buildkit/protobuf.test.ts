import fc from 'fast-check';
import t from 'tap';
import {
  bytesField,
  has,
  mapField,
  numberField,
  readFields,
  textField,
  textOf,
} from '../../../../agent/buildkit/protobuf.js';

t.test('what is written is read: texts, numbers, maps', async (t) => {
  const message = Buffer.concat([textField(1, 'ref'), numberField(4, 1), mapField(7, { a: 'ä', b: '' })]);
  const fields = readFields(message);
  t.equal(textOf(fields, 1), 'ref');
  t.equal(textOf(fields, 2), '');
  t.match(fields[1], { number: 4, value: 1 });
  const pairs = fields.filter(({ number }) => number === 7).map(({ bytes }) => readFields(bytes));
  t.same(
    pairs.map((pair) => [textOf(pair, 1), textOf(pair, 2)]),
    [
      ['a', 'ä'],
      ['b', ''],
    ],
  );
  t.ok(has(fields, 4));
  t.notOk(has(fields, 5));
});

t.test('the bytes are those of the encoding guide', async (t) => {
  t.equal(numberField(1, 150).toString('hex'), '089601');
  t.equal(textField(2, 'testing').toString('hex'), '120774657374696e67');
});

t.test('fields of kinds that are not asked for are passed over', async (t) => {
  const fixed = Buffer.from(`09${'00'.repeat(8)}15${'00'.repeat(4)}`, 'hex');
  t.equal(textOf(readFields(Buffer.concat([fixed, textField(3, 'after')])), 3), 'after');
});

t.test('bytes of any kind are read or refused, never for ever', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        readFields(Buffer.from(bytes));
      } catch (error) {
        return error instanceof Error;
      }
      return true;
    }),
  );
  t.throws(() => readFields(bytesField(1, Buffer.from('cut')).subarray(0, 3)), /cut short/);
});
