import {describe, expect, test} from 'vitest';
import {parseFusermount} from '../../../src/adapter/fusermount-arguments.js';

const mount = (target: string, ...options: string[]) => ({do: 'mount', target, options});

/** What libraries call it with, and what people do. */
const valid: Array<[what: string, args: string[], request: object]> = [
  [
    'libfuse',
    ['-o', 'rw,nosuid,nodev,subtype=x', '--', '/mnt'],
    mount('/mnt', 'rw', 'nosuid', 'nodev', 'subtype=x'),
  ],
  ['go-fuse', ['/mnt', '-o', 'max_read=131072,fsname=a'], mount('/mnt', 'max_read=131072', 'fsname=a')],
  ['bazil', ['-o', 'fsname=r:\\,x', '--', '/mnt'], mount('/mnt', 'fsname=r:,x')],
  ['no options', ['/mnt'], mount('/mnt')],
  ['value in the same word', ['-oro,noexec', '/mnt'], mount('/mnt', 'ro', 'noexec')],
  ['flags together', ['-qo', 'ro', '/mnt'], mount('/mnt', 'ro')],
  ['long option', ['--options=ro', '/mnt'], mount('/mnt', 'ro')],
  ['several', ['-o', 'ro', '-o', 'noexec', '/mnt'], mount('/mnt', 'ro', 'noexec')],
  ['a backslash itself', ['-o', 'fsname=a\\\\,ro', '/mnt'], mount('/mnt', 'fsname=a\\', 'ro')],
  ['quotes mean nothing', ['-o', 'fsname=a"b,ro', '/mnt'], mount('/mnt', 'fsname=a"b', 'ro')],
  ['empty items', ['-o', ',,ro,', '/mnt'], mount('/mnt', 'ro')],
  ['a target with a dash', ['--', '-mnt'], mount('-mnt')],
  ['unmount', ['-u', '/mnt'], {do: 'unmount', target: '/mnt'}],
  ['unmount of libfuse', ['-u', '-q', '-z', '--', '/mnt'], {do: 'unmount', target: '/mnt'}],
  ['unmount, flags together', ['-uqz', '/mnt'], {do: 'unmount', target: '/mnt'}],
  ['a watch', ['--auto-unmount', '--', '/mnt'], {do: 'watch'}],
  ['version', ['--version'], {do: 'version'}],
  ['help', ['-h'], {do: 'help'}],
];
describe('fusermount arguments', () => {
  test.each(valid)('%s', (_what, args, request) => {
    expect(parseFusermount(args)).toEqual(request);
  });

  const invalid: Array<[what: string, args: string[], message: string]> = [
    ['no target', ['-o', 'ro'], 'missing mountpoint argument'],
    ['two targets', ['/a', '/b'], 'extra arguments after the mountpoint'],
    ['no value', ['/a', '-o'], "option requires an argument -- 'o'"],
    ['an unknown flag', ['-x', '/a'], "invalid option -- 'x'"],
    ['an unknown word', ['--bind', '/a'], "unrecognized option '--bind'"],
    ['a word of all objects', ['--constructor', '/a'], "unrecognized option '--constructor'"],
    ['lazy without unmount', ['-z', '/a'], '-z can only be used with -u'],
  ];
  test.each(invalid)('%s', (_what, args, message) => {
    expect(() => parseFusermount(args)).toThrow(message);
  });
});
