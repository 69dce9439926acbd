import {createHash} from 'node:crypto';
import {type Inode, type InodeNumber, isType, MODE_TYPE, type Volume} from '../../src/ext4/index.js';
import {codeOf} from './snapshot-diff.js';

/** What a damaged volume says of each path (each name followed by its type in the directory): a line of everything, in which a value that could not be had is `!CODE`. */
export type DamagedView = Map<string, readonly string[]>;

const LONGEST = 1 << 20;
const content = new Uint8Array(LONGEST);

function attempt(action: () => string): string {
  try {
    return action();
  } catch (error) {
    return `!${codeOf(error)}`;
  }
}

function xattrs(volume: Volume, inode: Inode): string {
  const names = Buffer.from(volume.listxattr(inode)).toString('latin1').split('\0').slice(0, -1);
  return names
    .map((name) => Buffer.from(volume.getxattr(inode, Buffer.from(name, 'latin1')) ?? []).toString('hex'))
    .join(' ');
}

function holes(volume: Volume, inode: Inode): string {
  const edges: number[] = [];
  for (let at = 0; at < inode.size && edges.length < 4000; ) {
    at = volume.seek(inode, at, edges.length % 2 === 0 ? 'data' : 'hole');
    edges.push(at);
  }
  return edges.join(' ');
}

/** Values whose order in the line is fixed, whether they could be had or not. */
function view(volume: Volume, inode: Inode): string[] {
  const {mode, uid, gid, size, links, blocks512, flags, generation, mtime, ctime, crtime} = inode;
  const values = [
    [mode, uid, gid, size, links, blocks512, flags, generation, mtime, ctime, crtime].join(' '),
  ];
  values.push(attempt(() => xattrs(volume, inode)));
  if (isType(inode, MODE_TYPE.symlink))
    values.push(attempt(() => Buffer.from(volume.readlink(inode)).toString('hex')));
  if (!isType(inode, MODE_TYPE.regular)) return values;
  values.push(
    attempt(() => {
      const count = volume.read(inode, 0, content, 0, LONGEST);
      return createHash('sha256').update(content.subarray(0, count)).digest('hex');
    }),
  );
  values.push(attempt(() => holes(volume, inode)));
  return values;
}

/** Walks a volume that may be damaged, as far as it can be walked; a directory is followed once. */
export function damagedView(volume: Volume): DamagedView {
  const views: DamagedView = new Map();
  const seen = new Set<number>();
  const walk = (ino: InodeNumber, path: string): void => {
    let inode: Inode;
    try {
      inode = volume.inode(ino);
    } catch (error) {
      views.set(path, [`!${codeOf(error)}`]);
      return;
    }
    const values = view(volume, inode);
    views.set(path, values);
    if (!isType(inode, MODE_TYPE.directory) || seen.has(ino)) return;
    seen.add(ino);
    const children: Array<readonly [InodeNumber, string]> = [];
    values.push(
      attempt(() => {
        volume.readdir(inode, 0, (child, type, name) => {
          const text = Buffer.from(name).toString('latin1');
          if (text !== '.' && text !== '..') children.push([child as InodeNumber, `${path}/${text} ${type}`]);
          return true;
        });
        return 'listed';
      }),
    );
    for (const [child, childPath] of children) walk(child, childPath);
  };
  walk(2 as InodeNumber, '');
  return views;
}

/**
 * Paths of `found` that show something else than in `sound`, without an error in its place. What is missing is
 * excused where a directory above it could not be listed.
 */
export function wrongAnswers(sound: DamagedView, found: DamagedView): string[] {
  const wrong: string[] = [];
  const unlisted = [...found]
    .filter(([, values]) => values.some((value) => value.startsWith('!')))
    .map(([path]) => path);
  for (const [path, values] of found) {
    const wanted = sound.get(path);
    if (wanted === undefined) wrong.push(`${path}: is not there`);
    else {
      for (const [i, value] of values.entries()) {
        if (value !== wanted[i] && !value.startsWith('!'))
          wrong.push(`${path}: ${value} instead of ${wanted[i]}`);
      }
    }
  }
  for (const path of sound.keys()) {
    const excused = unlisted.some((above) => path.startsWith(`${above}/`));
    if (!found.has(path) && !excused) wrong.push(`${path}: is missing`);
  }
  return wrong;
}
