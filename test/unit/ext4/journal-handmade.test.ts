import {closeSync, openSync, readSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {FileSource} from '../../../src/block/index.js';
import {CRC_START, crc32c} from '../../../src/ext4/checksum.js';
import {listBlocks} from '../../../src/ext4/journal/block-list.js';
import {openJournal} from '../../../src/ext4/journal/location.js';
import {journalSuperblock} from '../../../src/ext4/journal/structs.js';
import {viewOf} from '../../../src/wire/index.js';
import {cannotMount, run, Workbench} from '../../support/dirty-image.js';
import {outcomes, replayImage} from '../../support/journal-patch.js';

/**
 * Logs written here byte by byte, so that every form of tag comes up: kernels of today write but two of them. The
 * kernel's replay is the judge all the same.
 */
const reason = cannotMount();
const bench = reason === undefined ? new Workbench() : undefined;
afterAll(() => bench?.close());

const BLOCK = 1024;
const MAGIC = 0xc03b3998;

interface Form {
  checksum: 0 | 2 | 3;
  wide: boolean;
}

/** Writes a log into the journal of a clean image. */
class LogWriter {
  readonly #fd: number;
  readonly #file: ReturnType<typeof openJournal>['file'];
  readonly #seed: number;
  readonly #form: Form;
  /** Blocks of a file, whose content the log changes. */
  readonly targets: number[];
  #index: number;

  constructor(image: string, form: Form, ino: number, start: number, sequence: number) {
    this.#fd = openSync(image, 'r+');
    const view = replayImage(new FileSource(this.#fd));
    const journal = openJournal(view);
    this.#file = journal.file;
    this.#form = form;
    this.#index = start;
    const {runs} = listBlocks(view, view.inode(ino));
    this.targets = runs.flatMap((part) => Array.from({length: part.count}, (_, i) => part.disk + i));
    const block = this.#file.read(0);
    const superblock = viewOf(block);
    const {at} = journalSuperblock;
    const features = (form.wide ? 2 : 0) | (form.checksum === 2 ? 8 : form.checksum === 3 ? 16 : 0);
    superblock.setUint32(at.incompat, 1 | features);
    superblock.setUint32(at.compat, 0);
    superblock.setUint8(at.checksumType, form.checksum === 0 ? 0 : 4);
    superblock.setUint32(at.start, start);
    superblock.setUint32(at.sequence, sequence);
    superblock.setUint32(at.checksum, 0);
    superblock.setUint32(at.checksum, crc32c(CRC_START, block, 0, journalSuperblock.size));
    this.#seed = crc32c(CRC_START, block, at.uuid, at.uuid + 16);
    this.#put(0, block);
  }

  /** A descriptor block and the copies that it describes. @param uuid whether UUIDs follow the tags */
  copies(sequence: number, blocks: Array<[target: number, content: Uint8Array]>, uuid = false): void {
    const block = this.#header(1, sequence);
    const view = viewOf(block);
    let at = 12;
    const size =
      this.#form.checksum === 3 ? 16 : (this.#form.wide ? 12 : 8) + (this.#form.checksum === 2 ? 2 : 0);
    const data: Uint8Array[] = [];
    blocks.forEach(([target, content], i) => {
      const copy = content.slice();
      const escaped = viewOf(copy).getUint32(0) === MAGIC;
      if (escaped) viewOf(copy).setUint32(0, 0);
      data.push(copy);
      const number = new Uint8Array(4);
      viewOf(number).setUint32(0, sequence);
      const checksum = crc32c(crc32c(this.#seed, number), copy);
      view.setUint32(at, target);
      view.setUint16(at + 6, (escaped ? 1 : 0) | (uuid ? 0 : 2) | (i === blocks.length - 1 ? 8 : 0));
      if (this.#form.checksum === 2) view.setUint16(at + 4, checksum & 0xffff);
      if (this.#form.checksum === 3) view.setUint32(at + 12, checksum);
      at += size + (uuid ? 16 : 0);
    });
    this.#append(block, BLOCK - 4);
    for (const copy of data) this.#put(this.#next(), copy);
  }

  revoke(sequence: number, targets: number[]): void {
    const block = this.#header(5, sequence);
    const view = viewOf(block);
    const size = this.#form.wide ? 8 : 4;
    for (const [i, target] of targets.entries()) view.setUint32(16 + i * size + size - 4, target);
    view.setUint32(12, 16 + targets.length * size);
    this.#append(block, BLOCK - 4);
  }

  commit(sequence: number): void {
    const block = this.#header(2, sequence);
    viewOf(block).setUint32(52, 1_700_000_000);
    this.#append(block, 16);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #header(type: number, sequence: number): Uint8Array {
    const block = new Uint8Array(BLOCK);
    const view = viewOf(block);
    view.setUint32(0, MAGIC);
    view.setUint32(4, type);
    view.setUint32(8, sequence);
    return block;
  }

  #append(block: Uint8Array, checksumAt: number): void {
    if (this.#form.checksum !== 0) viewOf(block).setUint32(checksumAt, crc32c(this.#seed, block));
    this.#put(this.#next(), block);
  }

  #next(): number {
    const index = this.#index++;
    if (this.#index === this.#file.length) this.#index = 1;
    return index;
  }

  #put(index: number, block: Uint8Array): void {
    writeSync(this.#fd, block, 0, block.length, this.#file.locate(index) * BLOCK);
  }
}

const filled = (byte: number): Uint8Array => new Uint8Array(BLOCK).fill(byte);

function withMagic(byte: number): Uint8Array {
  const block = filled(byte);
  viewOf(block).setUint32(0, MAGIC);
  return block;
}

type Story = [
  what: string,
  tell: (log: LogWriter, t: number[], s: (n: number) => number) => void,
  expected: Array<[block: number, content: Uint8Array]>,
];
const stories: Story[] = [
  [
    'two copies',
    (log, t, s) => {
      log.copies(s(0), [
        [t[0]!, filled(1)],
        [t[1]!, filled(2)],
      ]);
      log.commit(s(0));
    },
    [
      [0, filled(1)],
      [1, filled(2)],
    ],
  ],
  [
    'tags with UUIDs',
    (log, t, s) => {
      log.copies(
        s(0),
        [
          [t[0]!, filled(1)],
          [t[1]!, filled(2)],
          [t[2]!, filled(3)],
        ],
        true,
      );
      log.commit(s(0));
    },
    [
      [0, filled(1)],
      [1, filled(2)],
      [2, filled(3)],
    ],
  ],
  [
    'an escaped copy',
    (log, t, s) => {
      log.copies(s(0), [[t[0]!, withMagic(5)]]);
      log.commit(s(0));
    },
    [[0, withMagic(5)]],
  ],
  [
    'the last copy counts',
    (log, t, s) => {
      log.copies(s(0), [[t[0]!, filled(1)]]);
      log.commit(s(0));
      log.copies(s(1), [[t[0]!, filled(2)]]);
      log.copies(s(1), [[t[0]!, withMagic(3)]]);
      log.commit(s(1));
    },
    [[0, withMagic(3)]],
  ],
  [
    'what was not committed does not count',
    (log, t, s) => {
      log.copies(s(0), [[t[0]!, filled(1)]]);
      log.commit(s(0));
      log.copies(s(1), [[t[0]!, filled(2)]]);
    },
    [[0, filled(1)]],
  ],
  [
    'a revoke in a later transaction',
    (log, t, s) => {
      log.copies(s(0), [
        [t[0]!, filled(1)],
        [t[1]!, filled(2)],
      ]);
      log.commit(s(0));
      log.revoke(s(1), [t[0]!]);
      log.commit(s(1));
    },
    [
      [0, filled(0x61)],
      [1, filled(2)],
    ],
  ],
  [
    'a revoke in the same transaction',
    (log, t, s) => {
      log.revoke(s(0), [t[0]!]);
      log.copies(s(0), [
        [t[0]!, filled(1)],
        [t[1]!, filled(2)],
      ]);
      log.commit(s(0));
    },
    [
      [0, filled(0x61)],
      [1, filled(2)],
    ],
  ],
  [
    'written again after a revoke',
    (log, t, s) => {
      log.copies(s(0), [[t[0]!, filled(1)]]);
      log.commit(s(0));
      log.revoke(s(1), [t[0]!, t[1]!]);
      log.commit(s(1));
      log.copies(s(2), [[t[0]!, filled(4)]]);
      log.commit(s(2));
    },
    [
      [0, filled(4)],
      [1, filled(0x61)],
    ],
  ],
  [
    'a revoke that was not committed',
    (log, t, s) => {
      log.copies(s(0), [[t[0]!, filled(1)]]);
      log.commit(s(0));
      log.revoke(s(1), [t[0]!]);
    },
    [[0, filled(1)]],
  ],
];

const forms: Form[] = [0, 2, 3].flatMap((checksum) =>
  [false, true].map((wide) => ({checksum: checksum as 0 | 2 | 3, wide})),
);

describe.skipIf(reason !== undefined)(`logs of every form (${reason ?? 'as root'})`, () => {
  let clean = '';
  let ino = 0;
  beforeAll(() => {
    // Without metadata_csum and 64bit the kernel takes a journal with any features.
    clean = bench!.makeImage('4M', ['-b', '1024', '-O', '^metadata_csum,^64bit', '-J', 'size=1']);
    const mnt = bench!.mount(clean);
    writeFileSync(join(mnt, 'target'), Buffer.alloc(4 * BLOCK, 0x61));
    bench!.unmount(mnt);
    ino = Number(/Inode: (\d+)/.exec(run('debugfs', '-R', 'stat target', clean))![1]);
    run('debugfs', '-w', '-R', 'feature needs_recovery', clean);
  });

  // Near the end of the ring, and of the sequence numbers, the log wraps around.
  for (const [start, first] of [
    [1, 1],
    [1022, 0xfffffffe],
  ] as const) {
    for (const form of forms) {
      for (const [what, tell, expected] of stories) {
        test(`${what}: checksum v${form.checksum}, ${form.wide ? 64 : 32} bits, from ${start}/${first} on`, () => {
          const image = bench!.copy(clean);
          const log = new LogWriter(image, form, ino, start, first);
          const {targets} = log;
          tell(log, targets, (n) => (first + n) >>> 0);
          log.close();
          const {kernel, ours, recovered} = outcomes(bench!, image);
          expect(ours).toBe(kernel);
          expect(kernel).toBe('replayed true');
          // What the comparison saw is what the story says.
          const fd = openSync(recovered!, 'r');
          for (const [index, content] of expected) {
            const block = new Uint8Array(BLOCK);
            readSync(fd, block, 0, BLOCK, targets[index]! * BLOCK);
            expect(block).toEqual(content);
          }
          closeSync(fd);
          for (const each of [image, recovered!]) rmSync(each);
        });
      }
    }
  }

  test('a copy for a block outside the device is refused', () => {
    const image = bench!.copy(clean);
    const log = new LogWriter(image, {checksum: 0, wide: false}, ino, 1, 1);
    log.copies(1, [
      [log.targets[0]!, filled(1)],
      [20_000_000, filled(2)],
    ]);
    log.commit(1);
    log.close();
    expect(outcomes(bench!, image).ours).not.toContain('replayed');
  });
});
