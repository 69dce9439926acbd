import {expect, test} from 'vitest';
import {isCloseOnExec, O_RDONLY, openFd, setCloseOnExec} from '../../../src/sys/fd.js';
import {keepInheritedFds, markEach} from '../../../src/sys/inherited.js';

for (const [how, mark] of [
  ['with close_range(2)', keepInheritedFds],
  ['one by one', markEach],
] as const) {
  test(`descriptors from 3 on don't outlive an exec, ${how}`, () => {
    using file = openFd('/dev/null', O_RDONLY);
    setCloseOnExec(file.fd, false);
    mark();
    expect(isCloseOnExec(file.fd)).toBe(true);
  });
}
