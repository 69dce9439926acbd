import {fstatSync} from 'node:fs';
import {type BlockSource, FileSource} from '../../../../src/block/index.js';
import type {FileSystem} from '../../../../src/fuse/index.js';
import type {IomapDriver} from '../../../../src/iomap/index.js';
import {chooseDriver} from '../../../../src/server/drivers.js';
import {COUNTERS_SIZE, SharedCounters} from '../../../../src/server/shared-counters.js';
import {deviceSize} from '../../../../src/sys/block-device.js';
import {ExtentFs} from '../../extent-fs.js';
import {FormulaFs} from './formula-fs.js';
import type {Job} from './job.js';

/** What a session serves: by iomap too, where it has the methods. */
export type ServedHere = FileSystem & Partial<IomapDriver>;

/** Bytes of what a descriptor leads to, a block device or a file. */
export function sizeOf(fd: number): number {
  const stat = fstatSync(fd);
  return stat.isBlockDevice() ? deviceSize(fd) : stat.size;
}

/** The file system that a job names: a driver of the product, or one that is there for tests. */
export function openFileSystem({type, options, cacheBytes}: Job, sources: readonly number[]): ServedHere {
  const fd = sources[0]!;
  if (type === 'extents') {
    const fs = new ExtentFs(sizeOf(fd));
    for (const [name] of options ?? []) fs.add(name);
    return fs;
  }
  if (type === 'formula') return new FormulaFs(Number(new Map(options).get('mappings')));
  const [source, ...others] = sources.map((each): BlockSource => new FileSource(each, sizeOf(each)));
  const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
  const {driver} = chooseDriver(type, source!);
  // Behind the source come those that it names, in its order.
  const names = driver.members?.(source!) ?? [];
  return driver.open(source!, {
    options: new Map(options),
    members: new Map(names.map((name, index) => [name, others[index]!])),
    cacheBytes,
    cacheCounters: counters.caches,
    log: () => {},
  });
}

/** Whether a file system can tell where its files lie. */
export function isIomapDriver(fs: ServedHere): fs is FileSystem & IomapDriver {
  return fs.mapRange !== undefined && fs.iomapVolume !== undefined;
}
