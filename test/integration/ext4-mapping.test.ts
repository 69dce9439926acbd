import {closeSync, constants, fsyncSync, openSync, readFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {type Inode, type InodeNumber, newFileRange, RANGE, type Volume} from '../../src/ext4/index.js';
import {commit, Workbench} from '../support/dirty-image.js';
import {type Piece, pieces, readByMapping, withVolume} from '../support/mapping-check.js';
import {cannotMount, skipped} from '../support/oracle.js';
import {Random} from '../support/random.js';

/** What must not be told to a kernel that reads the device by itself. What every image has is compared in `ext4-volume.test.ts`. */
const reason = cannotMount();
const title = skipped(reason);

describe.skipIf(reason !== undefined)(`data that is in the journal only${title}`, () => {
  const bench = reason === undefined ? new Workbench() : undefined;
  afterAll(() => bench?.close());

  function write(path: string, position: number, bytes: Uint8Array): void {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT);
    try {
      writeSync(fd, bytes, 0, bytes.length, position);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  test('is never told to lie where it will lie one day: data=journal', () => {
    const random = new Random(77);
    const image = bench!.makeImage('48M', ['-b', '1024', '-J', 'size=16']);
    const clean = bench!.mount(image, 'rw,data=journal');
    for (const name of ['settled', 'changed']) write(join(clean, name), 0, random.bytes(200_000));
    bench!.unmount(clean);
    const dirty = bench!.dirty(
      image,
      (mnt) => {
        write(join(mnt, 'changed'), 50_000, random.bytes(9000));
        write(join(mnt, 'newer'), 0, random.bytes(30_000));
        commit(mnt);
      },
      'rw,data=journal',
    );
    const found = (volume: Volume, name: string): Inode =>
      volume.lookup(2 as InodeNumber, Buffer.from(name))!;
    const overlaid = (volume: Volume, name: string): Piece[] =>
      pieces(volume, found(volume, name)).filter(([kind]) => kind === RANGE.overlaid);
    // What lies at their places is of no account until the journal is replayed, so it may as well be garbage.
    const places = withVolume(dirty, (volume) =>
      ['changed', 'newer'].flatMap((name) =>
        overlaid(volume, name).map(([, offset, length]) => {
          const range = newFileRange();
          volume.context.ranges.mapRange(found(volume, name), offset, length, 'asked', range);
          return [range.address, range.length] as const;
        }),
      ),
    );
    for (const [address, length] of places) write(dirty, address, Buffer.alloc(length, 0xaa));
    const content = new Map<string, Buffer>();
    bench!.recovered(dirty, (mnt) => {
      for (const name of ['settled', 'changed', 'newer']) content.set(name, readFileSync(join(mnt, name)));
    });
    withVolume(dirty, (volume, raw) => {
      expect(volume.replay?.replayed).toBe(true);
      for (const [name, bytes] of content) {
        const inode = found(volume, name);
        expect(bytes.includes(Buffer.alloc(512, 0xaa)), name).toBe(false);
        expect(bytes.equals(readByMapping(volume, raw, inode, bytes.length)), name).toBe(true);
        expect(volume.mapping.isReadable(inode), name).toBe(name === 'settled');
        for (const [, offset] of overlaid(volume, name))
          expect(volume.mapping.bmap(inode, offset / 1024, 1024)).toBe(0);
      }
      expect(overlaid(volume, 'settled')).toEqual([]);
      expect(overlaid(volume, 'changed').map(([, offset]) => offset)).toEqual([48 * 1024]);
      expect(overlaid(volume, 'newer').length).toBeGreaterThan(0);
    });
  });
});
