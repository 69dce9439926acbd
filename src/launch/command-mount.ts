import type {OwnedFd} from '../sys/fd.js';

/** A mount that a command is started for, as far as its sandbox goes. */
export interface CommandMount {
  readonly source: CommandMountSource;
  /** The mount is to be read-only. */
  readonly readOnly: boolean;
  readonly callerUid: number;
  readonly callerGid: number;
  readonly target: 'directory' | 'file';
}

/** What is mounted: something open, or a name. */
export type CommandMountSource =
  | {
      readonly kind: 'file' | 'block' | 'directory';
      readonly path: string;
      /** O_PATH, or as a user opened it: then it is never opened again. */
      readonly fd: OwnedFd;
      readonly given: boolean;
    }
  | {readonly kind: 'name'; readonly path: string};
