import t from 'tap';
import { formatDuration, parseDuration } from '../../../shared/duration.js';

t.test('durations are read with their units; a bare number is seconds', async (t) => {
  const cases = {
    '300ms': 300,
    '10s': 10_000,
    '5m': 300_000,
    '1h30m': 5_400_000,
    '2d': 172_800_000,
    '1.5s': 1_500,
    '7': 7_000,
  };
  for (const [text, ms] of Object.entries(cases)) t.equal(parseDuration(text), ms, text);
});

t.test('what is no duration is null', async (t) => {
  for (const text of ['', 'm', '5 m', '-5s', '5mm', '1h-3m', 'soon', '5M'])
    t.equal(parseDuration(text), null, text);
});

t.test('durations are shown in their two greatest units', async (t) => {
  const cases: [number, string][] = [
    [0, '0ms'],
    [350, '350ms'],
    [4_200, '4.2s'],
    [5_000, '5s'],
    [42_400, '42s'],
    [60_000, '1m'],
    [90_000, '1m 30s'],
    [3_600_000, '1h'],
    [93_600_000, '1d 2h'],
  ];
  for (const [ms, text] of cases) t.equal(formatDuration(ms), text);
});
