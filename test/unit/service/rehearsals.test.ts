import {readdirSync} from 'node:fs';
import {expect, test} from 'vitest';
import {rehearseHelperEnd} from '../../../src/service/rehearse-helper-end.js';
import {rehearseServerEnd} from '../../../src/service/rehearse-server-end.js';

const open = (): number => readdirSync('/proc/self/fd').length;

test('a server’s end goes through a whole conversation and leaves nothing open', () => {
  const before = open();
  expect(rehearseServerEnd()).toEqual(['ext4', '/rehearsal', '/rehearsal', '-o', 'ro']);
  expect(open()).toBe(before);
});

test('the helper’s end does so too', async () => {
  const before = open();
  expect(await rehearseHelperEnd()).toEqual({ended: 'goodbye', exitCode: 0});
  expect(open()).toBe(before);
});
