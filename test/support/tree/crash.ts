import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {lsetxattr} from '../posix.js';
import {type Chapter, chapterDirectory, file, type Ground, join, withFile} from './ground.js';

function work(ground: Ground, dir: Buffer, round: number): void {
  const sub = join(dir, `round${round}`);
  mkdirSync(sub);
  for (let i = 0; i < 60; i++) file(join(sub, `file${i}`), ground.random.bytes(ground.random.below(9000)));
  for (let i = 0; i < 60; i += 3) unlinkSync(join(sub, `file${i}`));
  for (let i = 1; i < 60; i += 6) renameSync(join(sub, `file${i}`), join(sub, `renamed${i}`));
  symlinkSync('x'.repeat(90), join(sub, 'symlink'));
  lsetxattr(join(sub, 'file2'), 'user.journal', ground.random.bytes(300));
  mkdirSync(join(sub, 'gone'));
  file(join(sub, 'gone', 'inside'), 'gone too');
  rmSync(`${sub.toString('latin1')}/gone`, {recursive: true});
  withFile(join(dir, `synced${round}`), (fd) => {
    writeSync(fd, ground.random.bytes(20_000));
    fsyncSync(fd);
  });
}

/**
 * Work whose only trace is the journal: several transactions with blocks freed and used again (revokes), and some
 * files that are still open when they are unlinked, one of them truncated. Ends with a commit of the journal.
 */
export function workBeforeCrash(orphanCount: number): Chapter {
  return (ground) => {
    const dir = chapterDirectory(ground, 'crashed');
    for (let round = 0; round < 4; round++) work(ground, dir, round);
    const orphans: number[] = [];
    for (let i = 0; i < orphanCount; i++) {
      const path = join(dir, `orphan${i}`);
      const fd = openSync(path, 'w+');
      writeSync(fd, ground.random.bytes(10_000));
      fsyncSync(fd);
      orphans.push(fd);
      unlinkSync(path);
    }
    if (orphans[0] !== undefined) ftruncateSync(orphans[0], 100);
    withFile(join(dir, 'last'), (fd) => {
      writeSync(fd, 'last');
      fsyncSync(fd);
    });
    return () => {
      for (const fd of orphans) closeSync(fd);
    };
  };
}
