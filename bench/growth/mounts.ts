import {mkdirSync, mkdtempSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {memoryOf} from '../../test/support/contained-mount.js';
import {MIB} from '../../test/support/images.js';
import {run} from '../../test/support/mounts.js';
import type {Contender, Mounted} from '../contenders/contender.js';
import {pause} from '../machine/stop.js';
import {BENCH_CACHE} from '../native/compile.js';
import type {Curves} from './curves.js';
import {imageOfFiles} from './files.js';

/** Memory is looked at when so many are mounted. */
const MEMORY_AT = [1, 2, 5, 10, 20, 50, 100];

/** Milliseconds from the start of the Nth mount to its first stat, and MiB of one server while N are mounted; each has an image of its own. */
export async function growMounts(
  contenders: readonly Contender[],
  most: number,
  files: number,
  into: Curves,
): Promise<void> {
  const image = imageOfFiles(files);
  for (const contender of contenders) {
    const directory = mkdtempSync(join(BENCH_CACHE, 'mounts-'));
    const mounts: Mounted[] = [];
    try {
      for (let n = 1; n <= most; n++) {
        await pause();
        const copy = join(directory, `${n}.img`);
        const target = join(directory, `${n}`);
        run('cp', ['--sparse=always', image, copy]);
        mkdirSync(target);
        const start = process.hrtime.bigint();
        const mounted = contender.mount(copy, target);
        mounts.push(mounted);
        statSync(join(target, 'sequential'));
        into.add('mountTime', contender.name, n, Number(process.hrtime.bigint() - start) / 1e6);
        if (!MEMORY_AT.includes(n)) continue;
        const servers = mounts.flatMap((each) => each.servers());
        if (servers.length > 0) {
          into.add('mountMemory', contender.name, n, memoryOf(servers) / MIB / n);
        }
      }
    } finally {
      for (const mounted of mounts.reverse()) mounted.unmount();
      rmSync(directory, {recursive: true});
    }
    console.error(`${most} mounts of ${contender.name} done`);
  }
}
