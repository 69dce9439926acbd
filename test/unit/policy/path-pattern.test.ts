import {describe, expect, test} from 'vitest';
import {LONGEST_PATTERN, matchesPath, patternProblem} from '../../../src/policy/index.js';

const HOME = '/home/ada';

describe('a pattern of paths', () => {
  test.each([
    ['**', '/'],
    ['**', '/a/b'],
    ['/srv/disk.img', '/srv/disk.img'],
    ['/srv/*.img', '/srv/disk.img'],
    ['/srv/*.img', '/srv/.img'],
    ['/srv/*', '/srv/.hidden'],
    ['/srv/d?sk', '/srv/disk'],
    ['/srv/*i*g', '/srv/disk.img.img'],
    ['/srv/**', '/srv/a'],
    ['/srv/**', '/srv/a/b/c'],
    ['/srv/**/disk', '/srv/disk'],
    ['/srv/**/disk', '/srv/a/b/disk'],
    ['/**/a/**/b', '/x/a/a/y/b'],
    ['/**/a/*/b/**', '/a/1/c/a/2/b/c'],
    ['/srv/\\*', '/srv/*'],
    ['/srv/\\\\', '/srv/\\'],
    ['/dev/sd[a]', '/dev/sd[a]'],
    ['/srv/a b,c', '/srv/a b,c'],
    ['~/**', '/home/ada/x/y'],
    ['~/*.img', '/home/ada/disk.img'],
  ])('%s fits %s', (pattern, path) => {
    expect(patternProblem(pattern)).toBeUndefined();
    expect(matchesPath(pattern, path, HOME)).toBe(true);
  });

  test.each([
    ['/srv/disk.img', '/srv/disk-img'],
    ['/srv/*', '/srv/a/b'],
    ['/srv/*', '/srv'],
    ['/srv/?', '/srv/'],
    ['/srv/?', '/srv//'],
    ['/srv/**', '/srv'],
    ['/srv/**', '/srvx/a'],
    ['/srv/**/disk', '/srv/xdisk'],
    ['/srv/**/a/b', '/srv/a/x/b'],
    ['/srv/\\*', '/srv/a'],
    ['/srv/\\?', '/srv/a'],
    ['~/**', '/home/ada'],
    ['~/**', '/home/adam/x'],
    ['~/*', '/home/bob/x'],
    ['/~/x', '/home/ada/x'],
    // What the kernel shows of a file that has no path here.
    ['**', '(unreachable)/srv/disk.img'],
    ['**', 'relative'],
    ['/**', '(unreachable)/srv/disk.img'],
  ])('%s does not fit %s', (pattern, path) => {
    expect(matchesPath(pattern, path, HOME)).toBe(false);
  });

  test.each([undefined, '/', '', 'home'])('fits nothing below the home of who has none (%j)', (home) => {
    expect(matchesPath('~/**', '/etc/shadow', home)).toBe(false);
  });

  test.each([
    ['srv/*', 'must begin with'],
    ['~ada/*', 'must begin with'],
    ['', 'must begin with'],
    ['/srv//a', 'an empty name'],
    ['/srv/', 'an empty name'],
    ['/srv/../etc', 'has ".."'],
    ['/./a', 'has "."'],
    ['/srv/**.img', '"**" as a part'],
    ['/srv/a\\', 'a backslash with nothing'],
    ['/srv/\n', 'a control character'],
    [`/${'a'.repeat(LONGEST_PATTERN)}`, 'more than 1024 characters'],
  ])('%j is refused', (pattern, reason) => {
    expect(patternProblem(pattern)).toContain(reason);
  });

  test('of the worst kind ends soon, on the worst path', () => {
    const stars = `/${'*a'.repeat(500)}b`;
    const names = `/${'**/a/'.repeat(170)}b`;
    const began = performance.now();
    expect(matchesPath(stars, `/${'a'.repeat(4095)}`)).toBe(false);
    expect(matchesPath(names, '/a'.repeat(2047))).toBe(false);
    // Backtracking without bound would take longer than the universe is old.
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
