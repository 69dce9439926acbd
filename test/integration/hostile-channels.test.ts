import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {encodeFrame} from '../../src/control/frame.js';
import {mount} from '../../src/helper/mount.js';
import {unmount} from '../../src/helper/unmount.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import type {Act} from '../support/hostile-server/acts.js';
import {attributeBody, type FuseLies, initBody} from '../support/hostile-server/fuse-lies.js';
import {missingForMounts, request} from './helper-support.js';
import {CONTROL, GREETING, type HostileBench, last, tell, withHostileBench} from './hostile-support.js';
import {bye, u32} from './protocol-bytes.js';

const missing = missingForMounts();
const EACCES = 13;
const S_IFREG = 0o100644;

describe.skipIf(missing !== undefined)(
  `a hostile server on its other channels${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let bench: HostileBench;
    withHostileBench((fresh) => {
      bench = fresh;
    });

    describe('on the fuse device, ends', () => {
      const attributes = (values: Parameters<typeof attributeBody>[0]): FuseLies => ({
        getattr: {body: attributeBody(values)},
      });
      const late = /the server did not answer the first stat in time$/;
      const wrong = /the server's first answer is not that of a file system: i\/o error \(EIO\)$/;
      const rows: Array<[what: string, lies: FuseLies, code: string, says: RegExp]> = [
        ['that never answers FUSE_INIT', {init: 'never'}, 'deadline', late],
        ['that never answers the first stat', {getattr: 'never'}, 'deadline', late],
        [
          'that answers FUSE_INIT with an error',
          {init: {errno: EACCES}},
          'server-refused',
          /doesn't speak this kernel's FUSE protocol/,
        ],
        [
          'that answers FUSE_INIT with a version of old',
          {init: {body: initBody(6)}},
          'server-refused',
          /doesn't speak this kernel's FUSE protocol/,
        ],
        ['that answers FUSE_INIT with two bytes', {init: {body: '0700'}}, 'server-refused', wrong],
        ['that says its root is a file', attributes({mode: S_IFREG}), 'server-refused', wrong],
        ['that says its root has no type', attributes({mode: 0}), 'server-refused', wrong],
        [
          'that says its root has 2^64 - 1 bytes',
          attributes({size: 2n ** 64n - 1n}),
          'server-refused',
          wrong,
        ],
        [
          'that answers with half a struct',
          {getattr: {body: attributeBody({}).slice(0, 80)}},
          'server-refused',
          wrong,
        ],
        ['that answers with an errno there is not', {getattr: {errno: 100_000}}, 'deadline', late],
        [
          'that forbids the look at its root',
          {getattr: {errno: EACCES}},
          'server-refused',
          /permission denied \(EACCES\)$/,
        ],
      ];
      test.each(rows)('one %s', async (_what, lies, code, says) =>
        bench.fails([...GREETING, ...bench.mounting(), last(bye(0)), {serve: lies}], code, says),
      );
    });

    describe('on the control channel', () => {
      const frame = (length: number, body: Uint8Array = new Uint8Array(0)): Buffer =>
        Buffer.concat([u32(length), body]);
      const deep = (opening: string): Buffer =>
        frame(50_000, Buffer.from(opening.repeat(50_000 / opening.length)));
      const rows: Array<[what: string, lies: Act[]]> = [
        ['a frame of 4 GiB', [tell(frame(0xffff_ffff))]],
        ['a frame of nothing', [tell(frame(0))]],
        ['text that is no JSON', [tell(frame(3, Buffer.from('{]}')))]],
        ['bytes that are no text', [tell(frame(4, Buffer.from('ff00fffe', 'hex')))]],
        ['a list in a list in a list', [tell(deep('['))]],
        ['an object in an object', [tell(deep('{"a":'))]],
        [
          'events that there are not',
          [
            tell(encodeFrame({event: 'mounted', target: '/etc'}), 100),
            tell(encodeFrame({event: {__proto__: null}})),
          ],
        ],
        [
          'a type that is a path',
          [tell(encodeFrame({event: 'detected', type: '../../etc', blockSize: 2 ** 60}))],
        ],
        ['a type for a terminal', [tell(encodeFrame({event: 'detected', type: '\u001b]0;x\u0007ext4'}))]],
        ['more than anybody reads', [tell(encodeFrame({event: 'failed', message: 'x'.repeat(500)}), 20_000)]],
      ];
      test.each(rows)('%s makes no difference', async (_what, lies) =>
        bench.fails(
          [...GREETING, CONTROL, ...lies, ...bench.mounting(), last(bye(5))],
          'server-refused',
          /(the server says: x+…?|exit code 5)$/,
          false,
        ),
      );

      test('a reason for a terminal is told as text', async () => {
        const message = '\u001b[2J\u001b]52;c;cm0gLXJm\u0007\r\nfuseward: all is well\u202e';
        const said = tell(encodeFrame({event: 'failed', errno: 'ENOTHING', code: '../x', message}));
        const says = /: the server says: \[2J \]52;c;cm0gLXJm fuseward: all is well$/;
        await bench.fails([...GREETING, CONTROL, said, last(bye(5))], 'server-refused', says);
      });

      test('the type that policy judged is the one that is mounted and told, whatever comes after', async () => {
        const detected = (subtype: string): Act => tell(encodeFrame({event: 'detected', type: subtype}));
        const acts = [
          ...GREETING,
          CONTROL,
          detected('first'),
          ...bench.mounting(),
          detected('second'),
          last(bye(0)),
          {serve: {}},
        ];
        // `tell` writes to the control channel: answers to the mount bring no descriptor.
        const judged: string[] = [];
        const all = bench.deps(acts);
        const result = await mount(
          {...request(bench.place), type: undefined},
          {
            ...all,
            checkDetected: (subtype, facts) => {
              judged.push(subtype);
              return all.decide(facts);
            },
          },
        );
        const entry = mountAtPath(bench.place.target);
        await unmount(bench.place.target);
        assert.deepEqual(
          [judged, entry?.fsType, result.type, result.subtype],
          [['first'], 'fuse.first', 'fuse.first', 'first'],
        );
      });
    });
  },
);
