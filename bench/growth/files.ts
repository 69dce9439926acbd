import {memoryOf} from '../../test/support/contained-mount.js';
import {imageOf, MIB} from '../../test/support/images.js';
import {bulk} from '../../test/support/tree/bulk.js';
import type {Contender} from '../contenders/contender.js';
import {dropCaches} from '../machine/caches.js';
import {pause} from '../machine/stop.js';
import {withMount} from '../measure.js';
import {work} from '../native/client.js';
import type {Curves} from './curves.js';

/** A walk that would take longer than this by the one before, in seconds, is left out. */
const LONGEST_WALK = 200;

/** A sparse image of so many empty files, 100 a directory. */
export function imageOfFiles(files: number): string {
  return imageOf({
    name: `growth-${files}`,
    feature: 'a number of files',
    size: 96 * MIB + files * 384,
    mkfs: ['-t', 'ext4', '-N', `${Math.ceil(files * 1.02) + 1000}`, '-J', 'size=16'],
    chapters: [bulk({files, small: 0, bigMiB: 0})],
  });
}

/** Seconds of a cold and of a warm walk, and MiB of the server after both, for each number of files. */
export async function growFiles(
  contenders: readonly Contender[],
  sizes: readonly number[],
  into: Curves,
): Promise<void> {
  const before = new Map<string, {files: number; seconds: number}>();
  for (const files of sizes) {
    const image = imageOfFiles(files);
    for (const contender of contenders) {
      const last = before.get(contender.name);
      if (last !== undefined && (last.seconds * files) / last.files > LONGEST_WALK) continue;
      dropCaches();
      withMount(contender, image, (mounted) => {
        const {target} = mounted;
        dropCaches();
        const cold = work(target, {operation: 'walk', count: 1, jobs: 1}).ns / 1e9;
        into.add('walkCold', contender.name, files, cold);
        const warm = work(target, {operation: 'walk', count: 1, jobs: 1}).ns / 1e9;
        into.add('walkWarm', contender.name, files, warm);
        const servers = mounted.servers();
        if (servers.length > 0) into.add('walkMemory', contender.name, files, memoryOf(servers) / MIB);
        before.set(contender.name, {files, seconds: cold});
      });
      await pause();
    }
    console.error(`walks of ${files.toLocaleString('en')} files done`);
  }
}
