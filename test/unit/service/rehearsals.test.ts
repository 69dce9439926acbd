import {readdirSync} from 'node:fs';
import {expect, test} from 'vitest';
import {rehearseServerEnd} from '../../../src/service/rehearse-server-end.js';

const open = (): number => readdirSync('/proc/self/fd').length;

test('a server’s end goes through a whole conversation and leaves nothing open', () => {
  const before = open();
  expect(rehearseServerEnd()).toEqual(['ext4', '/rehearsal', '/rehearsal', '-o', 'ro']);
  expect(open()).toBe(before);
});
