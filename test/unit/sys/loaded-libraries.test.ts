import {spawnSync} from 'node:child_process';
import {expect, test} from 'vitest';
import {loadedLibraries} from '../../../src/sys/loaded-libraries.js';

test('the libraries of this process are those that its loader lists, twice asked', () => {
  // With this set the loader prints them in place of a start, ld.so(8).
  const env = {LD_TRACE_LOADED_OBJECTS: '1'};
  const {stdout} = spawnSync(process.execPath, {env, encoding: 'utf8'});
  const listed = [...stdout.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)].map((match) => match[1]!);
  expect(listed.length).toBeGreaterThan(0);
  expect(loadedLibraries()).toEqual(expect.arrayContaining(listed));
  expect(loadedLibraries()).toEqual(loadedLibraries());
});
