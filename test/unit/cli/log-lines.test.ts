import {expect, test} from 'vitest';
import {logLines} from '../../../src/cli/status/log-lines.js';

const at = Date.parse('2026-03-01T10:05:07.123Z');

test.each([
  [
    JSON.stringify({
      level: 40,
      time: at,
      reason: 'no ring',
      queues: 2,
      msg: 'not all requests travel by io_uring',
    }),
    '2026-03-01 10:05:07Z warning: not all requests travel by io_uring (reason no ring, queues 2)',
  ],
  [JSON.stringify({level: 50, time: at, msg: 'it is full'}), '2026-03-01 10:05:07Z error: it is full'],
  ['fuse: bad mount point', 'fuse: bad mount point'],
  // Others' words may look like ours.
  ['{"level":30', '{"level":30'],
  ['{"level":7,"time":1,"msg":"x"}', '{"level":7,"time":1,"msg":"x"}'],
  ['{"level":30,"time":1e300,"msg":"x"}', '{"level":30,"time":1e300,"msg":"x"}'],
  ['{"level":30,"time":"now","msg":"x"}', '{"level":30,"time":"now","msg":"x"}'],
  [
    JSON.stringify({level: 30, time: at, a: {b: '\x1b[2J'}, msg: 'two\nlines\u202e'}),
    '2026-03-01 10:05:07Z info: two\\nlines\\u{202e} (a {"b":"\\\\u001b[2J"})',
  ],
])('%s', (line, shown) => {
  expect(logLines(`${line}\n`)).toEqual(['server log (its own words):', `  ${shown}`]);
});

test('the last lines are shown, and none for an empty log', () => {
  expect(logLines('')).toEqual([]);
  const lines = logLines(Array.from({length: 30}, (_, index) => `line ${index}`).join('\n'));
  expect([lines.length, lines[1], lines.at(-1)]).toEqual([11, '  line 20', '  line 29']);
});
