import type {BlockSource} from '../block/index.js';
import type {FileSystem} from '../fuse/index.js';
import type {IomapDriver} from '../iomap/index.js';
import type {SharedCounters} from './shared-counters.js';

/** What a driver gets to open a source with. */
export interface DriverContext {
  /** Options of the mount command that are not the mount's own, `name` or `name=value`; '' where there is no value. */
  readonly options: ReadonlyMap<string, string>;
  /** The further sources of `Driver.members`, by those names; empty for a driver without. */
  readonly members: ReadonlyMap<string, BlockSource>;
  /** Bytes of metadata it may keep in memory. */
  readonly cacheBytes: number;
  /** Moved by the caches that it has. */
  readonly cacheCounters: SharedCounters['caches'];
  readonly log: (values: Record<string, unknown>, message: string) => void;
}

/** A source that can't be mounted: what the caller is told. */
export class MountRefusal extends Error {
  /** Symbolic error name. */
  readonly errno: string;
  /** Stable short name of the case. */
  readonly code: string;
  /** What the mount command exits with: 2 when another driver may know better. */
  readonly exitCode: 1 | 2;
  /** What the source holds, where that is the reason. */
  readonly holds: string | undefined;

  constructor(errno: string, code: string, message: string, exitCode: 1 | 2 = 1, holds?: string) {
    super(message);
    this.holds = holds;
    this.errno = errno;
    this.code = code;
    this.exitCode = exitCode;
  }
}

/**
 * A file system that can be told to do something between two requests. What it has nothing to do for it leaves out. One that has the
 * methods of `IomapDriver` lets the kernel read files by itself where it can.
 */
export interface ServedFileSystem extends FileSystem, Partial<IomapDriver> {
  /** Forgets what it keeps in memory and can read again. */
  dropCaches?(): void;
  /** Changes how many bytes of metadata it keeps at most; 0 keeps none. */
  limitCache?(bytes: number): void;
  /** Makes durable what was written so far. */
  sync?(): void;
}

/** A kind of file system that servers know. */
export interface Driver {
  /** Names it is asked for by. */
  readonly types: readonly string[];
  /** What it is mounted on. */
  readonly target: 'directory' | 'file';
  /** Names of options it takes. */
  readonly optionNames: readonly string[];
  /** Block size in bytes that a device under the file system should have, 0 when it does not matter. */
  blockSize(source: BlockSource): number;
  /**
   * Further sources that the file system lies on: names out of the source, relative to where that lies or absolute, each once. A
   * driver without lies on its source alone. The names are the image's; what may be opened is the mount helper's to say.
   * With iomap these are its devices, in this order, and the source is none.
   * @throws MountRefusal
   */
  members?(source: BlockSource): readonly string[];
  /** @throws MountRefusal, or anything with an `errno` */
  open(source: BlockSource, context: DriverContext): ServedFileSystem;
}
