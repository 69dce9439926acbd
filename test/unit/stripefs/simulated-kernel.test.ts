import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, onTestFinished, test} from 'vitest';
import {FileSource} from '../../../src/block/index.js';
import {StripefsFileSystem} from '../../../src/server/stripefs-file-system.js';
import {decodeSuperblock, Volume} from '../../../src/stripefs/index.js';
import {O_RDONLY, openFd} from '../../../src/sys/fd.js';
import {sessionServer} from '../../support/kernel-sim/host/session-server.js';
import {SimKernel} from '../../support/kernel-sim/kernel.js';
import {DirectLink} from '../../support/kernel-sim/link.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {OP} from '../../support/kernel-sim/opcodes.js';
import {O_DIRECT, OpenFile} from '../../support/kernel-sim/open-file.js';
import {fiemap} from '../../support/kernel-sim/reports.js';
import {Random} from '../../support/random.js';
import {bytesOf, document, file, type Json} from '../../support/stripefs/document.js';

const CHUNK = 65_536;
const MEMBERS = 4;
const STRIPED_BYTES = 21 * CHUNK + 8192;
const SIZE = STRIPED_BYTES + 4 * CHUNK - 100;
const random = new Random(11);
const members = Array.from({length: MEMBERS}, () => random.bytes(2 ** 20));
/** Each strip begins at another place of its member. */
const FIRST = [0, 4096, 131_072, 65_536];

const EXTENTS: Json[] = [
  {
    type: 'striped',
    length: STRIPED_BYTES,
    chunk: CHUNK,
    strips: FIRST.map((offset, member) => ({member, offset})),
  },
  {type: 'hole', length: 2 * CHUNK},
  {type: 'linear', length: 2 * CHUNK, member: 2, offset: 786_432},
];

/** What the file holds, by dealing out chunks. */
function content(): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < STRIPED_BYTES; at += CHUNK, turn++) {
    const which = turn % MEMBERS;
    const start = FIRST[which]! + Math.floor(turn / MEMBERS) * CHUNK;
    chunks.push(members[which]!.subarray(start, start + Math.min(CHUNK, STRIPED_BYTES - at)));
  }
  const linear = members[2]!.subarray(786_432, 786_432 + 2 * CHUNK);
  return Buffer.concat([...chunks, Buffer.alloc(2 * CHUNK), linear]).subarray(0, SIZE);
}

/** The file system behind the product's own session, and a simulated kernel that has it mounted. */
function mounted(version: 'v6' | 'v7'): {kernel: SimKernel; problems: string[]} {
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-stripes-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  const fds = members.map((bytes, index) => {
    writeFileSync(join(folder, `${index}`), bytes);
    const fd = openFd(join(folder, `${index}`), O_RDONLY);
    onTestFinished(() => fd.close());
    return fd.fd;
  });
  const named = members.map(({length: size}, index) => ({path: `${index}`, size}));
  const text = document([file('striped', SIZE, EXTENTS)], {blockSize: 4096, members: named});
  const sources = new Map(fds.map((fd, index) => [`${index}`, new FileSource(fd)]));
  const fs = new StripefsFileSystem(Volume.open(decodeSuperblock(bytesOf(text)), sources));
  const devices = fds.map((fd, index) => ({fd, size: members[index]!.length}));
  const server = sessionServer(fs, devices, {version});
  const kernel = new SimKernel(new DirectLink(server.serve), {fileDevices: true, version});
  onTestFinished(() => kernel.close());
  kernel.mount();
  return {kernel, problems: server.problems};
}

describe.each(['v6', 'v7'] as const)('a striped file through iomap, %s', (version) => {
  test('is read from four devices by mappings alone, and holds what reading it gives', () => {
    const {kernel, problems} = mounted(version);
    const wanted = content();
    const opened = OpenFile.open(kernel, resolve(kernel, 'striped'));
    const direct = OpenFile.open(kernel, opened.inode, O_DIRECT);
    expect(opened.inode.iomap).toBe(true);
    const sent = kernel.during(() => {
      const whole = Buffer.alloc(SIZE + 10, 0xee);
      expect(opened.read(whole, 0)).toBe(SIZE);
      expect(whole.subarray(0, SIZE).equals(wanted)).toBe(true);
      for (let round = 0; round < 80; round++) {
        const pos = random.below(SIZE + 5000);
        const target = Buffer.alloc(random.below(3 * CHUNK), 0xff);
        const count = (round % 2 === 0 ? opened : direct).read(target, pos);
        expect(target.subarray(0, count).equals(wanted.subarray(pos, pos + target.length))).toBe(true);
        if (round % 10 === 0) opened.inode.pages.reclaim();
      }
    });
    expect(sent.filter(({opcode}) => opcode === OP.READ)).toEqual([]);
    expect(kernel.devices.all().map(({read}) => read > 0)).toEqual([true, true, true, true]);
    expect([opened.seekHole(5), opened.seekData(STRIPED_BYTES)]).toEqual([
      STRIPED_BYTES,
      STRIPED_BYTES + 2 * CHUNK,
    ]);
    kernel.unmount();
    expect([kernel.faults.lines(), problems]).toEqual([[], []]);
  });

  test('has the extents that the formula says', () => {
    const {kernel} = mounted(version);
    const extents = fiemap(kernel, resolve(kernel, 'striped'));
    const wanted = content();
    const last = extents.at(-1)!;
    expect(Number(last.logical + last.length)).toBe(STRIPED_BYTES + 4 * CHUNK);
    expect(extents).toHaveLength(22 + 1);
    for (const [index, {logical, physical, length}] of extents.slice(0, 22).entries()) {
      const [from, to] = [Number(physical), Number(physical + length)];
      const at = Number(logical);
      expect(at).toBe(index * CHUNK);
      expect(members[index % MEMBERS]!.subarray(from, to).equals(wanted.subarray(at, at + to - from))).toBe(
        true,
      );
    }
  });
});
