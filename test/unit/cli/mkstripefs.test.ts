import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {FileSource} from '../../../src/block/index.js';
import {UsageError} from '../../../src/cli/command.js';
import {mkstripefsCommand} from '../../../src/cli/mkstripefs/handler.js';
import {decodeSuperblock, Volume} from '../../../src/stripefs/index.js';
import {O_RDONLY, openFd} from '../../../src/sys/fd.js';
import {Random} from '../../support/random.js';

let dir: string;
const at = (...names: string[]): string => join(dir, ...names);

/** Runs the command. @returns its exit code, and what it printed and complained of */
async function make(
  files: string[],
  members: string[],
  options: Record<string, string> = {},
): Promise<[code: number, said: string]> {
  let said = '';
  const take = (text: unknown): boolean => {
    said += String(text);
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(take),
  );
  try {
    const code = await mkstripefsCommand.run([at('fs.json'), ...files], {
      member: members.map((name) => at(name)),
      ...options,
    });
    return [code, said];
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fuseward-mkstripefs-'));
  mkdirSync(at('in'));
  writeFileSync(at('in/small'), 'a few bytes');
});
afterEach(() => rmSync(dir, {recursive: true}));

describe('mkstripefs', () => {
  test('writes what reads as it was, in the order of names, in no more space than it takes', async () => {
    const large = new Random(3).bytes(5 * 8192 + 77);
    writeFileSync(at('in/large'), large);
    symlinkSync('small', at('in/link'));
    const members = ['a b.img', 'c.img', 'd.img'];
    const [code, said] = await make([at('in')], members, {chunk: '8K', 'block-size': '512'});
    expect([code, said]).toEqual([
      0,
      `fuseward mount -t stripefs -o 'member=a b.img,member=c.img,member=d.img' ${at('fs.json')} DIRECTORY\n`,
    ]);
    const superblock = decodeSuperblock(readFileSync(at('fs.json')));
    const fds = members.map((name) => openFd(at(name), O_RDONLY));
    try {
      const sources = new Map(members.map((name, index) => [name, new FileSource(fds[index]!.fd)]));
      const volume = Volume.open(superblock, sources);
      const names = superblock.nodes.map(({name}) => Buffer.from(name).toString());
      expect(names).toEqual(['', 'in', 'large', 'link', 'small']);
      const read = (ino: number, size: number): Buffer => {
        const bytes = Buffer.alloc(size);
        return bytes.subarray(0, volume.read(volume.node(ino), 0, bytes));
      };
      expect(read(3, 65_536).equals(large)).toBe(true);
      expect(read(5, 65_536).toString()).toBe('a few bytes');
      expect([...sources.values()].reduce((sum, {size}) => sum + size, 0)).toBe(5 * 8192 + 512 + 512);
    } finally {
      for (const fd of fds) fd.close();
    }
  });

  test('writes over nothing, and leaves nothing when it fails', async () => {
    writeFileSync(at('here.img'), 'mine');
    const refused: Array<[files: string[], members: string[], said: string]> = [
      [[at('in')], ['new.img', 'here.img'], `can't make ${at('here.img')}: it is there already`],
      [['/dev/null'], ['new.img'], "can't take /dev/null: it is no file, directory or symbolic link"],
      [[at('in/small'), at('in/small')], ['new.img'], 'there is another of that name'],
      [[at('none')], ['new.img'], 'no such file'],
      [[at('in')], ['new.img', 'new.img'], 'names a member twice'],
      [[at('in')], ['no/new.img'], 'no such file'],
    ];
    for (const [files, members, said] of refused) {
      const [code, told] = await make(files, members);
      expect([code, told]).toEqual([1, expect.stringContaining(said)]);
      expect(readdirSync(dir).sort()).toEqual(['here.img', 'in']);
    }
    expect(readFileSync(at('here.img'), 'utf8')).toBe('mine');
  });

  test('takes sizes that a superblock can have', async () => {
    for (const options of [
      {chunk: '3K'},
      {chunk: '2K'},
      {chunk: '2G'},
      {'block-size': '256'},
      {'block-size': 'x'},
    ]) {
      await expect(make([at('in')], ['new.img'], options as Record<string, string>)).rejects.toThrow(
        UsageError,
      );
    }
    await expect(make([at('in')], [])).rejects.toThrow('--member is needed');
    expect(existsSync(at('fs.json'))).toBe(false);
  });
});
