import {describe, expect, test} from 'vitest';
import {askForIomap, flagsForIomap, type IomapResult} from '../../../src/helper/fuse-device.js';
import {DEFAULT_MOUNT_POLICY, type MountPolicy} from '../../../src/helper/mount-policy.js';
import type {Source} from '../../../src/helper/source.js';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {approveIomap, type IomapApproval, iomapSupport} from '../../../src/sys/fuse-device.js';
import {MS_RDONLY} from '../../../src/sys/mount-flags.js';

const V7 = 0xe565;
const V6 = 0xe563;
const ENOTTY = 25;
const EPERM = 1;
const EINVAL = 22;
const EBUSY = 16;
const EBADF = 9;
const EOPNOTSUPP = 95;

/** What a kernel answers to each of the two numbers, and which it was asked. */
function kernel(answers: Record<number, number>): {asked: number[]; ioctl: () => number} {
  const asked: number[] = [];
  return {
    asked,
    ioctl: ((_fd: number, request: number) => {
      asked.push(request);
      return answers[request] ?? -ENOTTY;
    }) as () => number,
  };
}

describe('what the kernel says to the question for iomap', () => {
  const table: Array<[what: string, answers: Record<number, number>, IomapApproval, asked: number[]]> = [
    ['the 7th posting, entitled', {[V7]: 0}, 'approved', [V7]],
    ['the 6th posting, entitled', {[V6]: 0}, 'approved', [V7, V6]],
    ['no patches', {}, 'unsupported', [V7, V6]],
    ['the 7th posting, built without iomap', {[V7]: -EOPNOTSUPP}, 'unsupported', [V7, V6]],
    ['the 6th posting, built without iomap', {[V6]: -EOPNOTSUPP}, 'unsupported', [V7, V6]],
    ['the 7th posting, not entitled', {[V7]: -EPERM}, 'denied', [V7]],
    ['the 6th posting, not entitled', {[V6]: -EPERM}, 'denied', [V7, V6]],
  ];
  test.each(table)('%s', (_what, answers, expected, numbers) => {
    const {asked, ioctl} = kernel(answers);
    expect(approveIomap(3, ioctl)).toBe(expected);
    expect(asked).toEqual(numbers);
  });

  test.each([EINVAL, EBUSY, EBADF])('errno %i, which is none of these answers, is an error', (errno) => {
    const thrown = expect.objectContaining({errno, call: 'ioctl(FUSE_DEV_IOC_ADD_IOMAP)'});
    expect(() => approveIomap(3, kernel({[V7]: -errno}).ioctl)).toThrowError(thrown);
    expect(() => approveIomap(3, kernel({[V6]: -errno}).ioctl)).toThrowError(thrown);
  });

  test('what a connection may do is told without failing', () => {
    const telling =
      (flags: number) =>
      (_fd: number, request: number, argument: Uint8Array | 0): number => {
        expect(request).toBe(0x8010e563);
        (argument as Uint8Array)[0] = flags;
        return 0;
      };
    expect([0, 1, 3].map((flags) => iomapSupport(3, telling(flags)))).toEqual([
      {fileIo: false, atomic: false},
      {fileIo: true, atomic: false},
      {fileIo: true, atomic: true},
    ]);
    for (const errno of [ENOTTY, EOPNOTSUPP]) {
      expect(iomapSupport(3, () => -errno)).toEqual({fileIo: false, atomic: false});
    }
    expect(() => iomapSupport(3, () => -EBADF)).toThrowError(expect.objectContaining({errno: EBADF}));
  });
});

describe('what the helper makes of it', () => {
  const image = {kind: 'file', given: false} as Source;
  const disk = {kind: 'block', given: false} as Source;

  function ask(
    policy: Partial<MountPolicy>,
    answer: IomapApproval | Error,
    source: Source = image,
  ): IomapResult | {code: string; errno: unknown; message: string} {
    try {
      return askForIomap(
        {fd: 3} as OwnedFd,
        {...DEFAULT_MOUNT_POLICY, ...policy},
        {
          source,
          object: 'a on b',
          approve: () => {
            if (answer instanceof Error) throw answer;
            return answer;
          },
        },
      );
    } catch (error) {
      const {code, errno, message} = error as {code: string; errno: unknown; message: string};
      return {code, errno, message};
    }
  }

  const failure = Object.assign(new Error('odd'), {errno: EINVAL});
  const ANSWERS = ['approved', 'unsupported', 'denied', failure] as const;

  test('allow: takes what there is', () => {
    expect(ANSWERS.map((answer) => ask({iomap: 'allow'}, answer))).toEqual([
      'approved',
      'unsupported',
      'denied',
      'denied',
    ]);
  });

  test('deny: does not ask', () => {
    expect(ANSWERS.map((answer) => ask({iomap: 'deny'}, answer))).toEqual(ANSWERS.map(() => 'not asked'));
  });

  test('require: fails without', () => {
    expect(ANSWERS.map((answer) => ask({iomap: 'require'}, answer))).toEqual([
      'approved',
      expect.objectContaining({code: 'no-iomap', errno: EOPNOTSUPP}),
      expect.objectContaining({code: 'no-iomap', errno: EPERM}),
      expect.objectContaining({code: 'no-iomap', errno: EINVAL}),
    ]);
  });

  test('an image without a loop device is no device to read from', () => {
    expect(ask({iomap: 'allow', loop: 'never'}, 'approved')).toBe('not asked');
    expect(ask({iomap: 'require', loop: 'never'}, 'approved')).toMatchObject({
      code: 'no-iomap',
      message: expect.stringMatching(/it takes a device, and policy allows no loop device$/),
    });
    expect(ask({iomap: 'require', loop: 'never'}, 'approved', disk)).toBe('approved');
    expect(ask({iomap: 'allow', loop: 'auto'}, 'approved')).toBe('approved');
  });

  test('for a user nobody asks', () => {
    const his = {kind: 'file', given: true} as Source;
    expect(ask({iomap: 'allow'}, 'approved', his)).toBe('not asked');
    expect(ask({iomap: 'require'}, 'approved', his)).toMatchObject({code: 'no-iomap', errno: EPERM});
  });

  test('a device that the server has for reading is mounted read-only, as the kernel would write to it', () => {
    const flags = (result: IomapResult, isWritable: boolean) => flagsForIomap(result, {isWritable});
    expect([flags('approved', false), flags('approved', true)]).toEqual([MS_RDONLY, 0]);
    for (const result of ['unsupported', 'denied', 'not asked'] as const)
      expect(flags(result, false)).toBe(0);
  });
});
