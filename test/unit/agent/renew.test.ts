import t from 'tap';
import { isDue } from '../../../agent/renew.js';

t.test('a certificate is renewed from two thirds of its life on', async (t) => {
  const day = (n: number): string => new Date(Date.UTC(2026, 0, 1 + n)).toUTCString();
  const certificate = { validFrom: day(0), validTo: day(90) };
  const due = (n: number): boolean => isDue(certificate, Date.parse(day(n)));
  t.same([-1, 0, 59, 60, 89, 90, 400].map(due), [false, false, false, true, true, true, true]);
});
