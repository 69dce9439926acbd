import {expect, test} from 'vitest';
import {FAULT_NAMES} from '../../../src/observe/faults.js';
import {Random} from '../../support/random.js';
import {ROWS} from './answers.rows.js';
import {Judge, request, written} from './support.js';

const ROUNDS = 20_000;
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

/** Whatever a server writes, it is judged: by a word of the list, without an exception, and nothing grows. */
test('any bytes are judged', () => {
  const random = new Random(8);
  const judge = new Judge();
  const words = new Set<string>();
  let sound = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const row = random.pick(ROWS);
    judge.ask(request(row.opcode, row.asked));
    const answer = written(row.sound);
    for (let changes = random.below(4); changes > 0; changes--) {
      answer[random.below(answer.length)] = random.pick([...EDGES, random.below(256)]);
    }
    const cut = random.below(4) === 0 ? random.below(answer.length + 1) : answer.length;
    const garbage = random.below(8) === 0;
    const bytes = garbage ? random.bytes(random.below(600)) : Buffer.from(answer.subarray(0, cut));
    if (!garbage && random.below(2) === 0 && bytes.length >= 4) bytes.writeUInt32LE(bytes.length, 0);
    const {is, reply} = judge.judge(bytes);
    expect(reply.length).toBeLessThanOrEqual(bytes.length);
    words.add(is.replace('dropped: ', ''));
    if (is === 'sound') {
      sound++;
      // What the kernel demands of everything written to it.
      expect(reply.view.getUint32(0, true)).toBe(reply.length);
    }
    expect(judge.outstanding.size).toBeLessThanOrEqual(1);
  }
  const strangers = [...words].filter((word) => !(FAULT_NAMES as string[]).includes(word));
  expect(strangers.sort()).toEqual(['notification', 'sound'].filter((word) => words.has(word)));
  // Both happen, and most kinds of fault with them.
  expect(sound).toBeGreaterThan(ROUNDS / 10);
  expect(words.size).toBeGreaterThan(20);
});
