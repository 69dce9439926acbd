/** Where something is said: a policy file and the line in it, counted from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}

/** Kinds of source that can be mounted. A `name` is no file of this machine, as `user@host:directory`. */
export type SourceKind = 'file' | 'block' | 'directory' | 'name';

/** One `[[allow]]` table. It allows a mount that fits it in every point; the first rule that fits decides. */
export interface AllowRule {
  readonly origin: Origin;
  /** User names, user ids, or `*` for everybody. A caller fits by `users` or by `groups`. */
  readonly users: readonly string[];
  /** Group names or ids, primary and supplementary. */
  readonly groups: readonly string[];
  /** Patterns of the source's path, absolute and without symbolic links; names of sources that are no files, letter by letter. */
  readonly sources: readonly string[];
  readonly sourceKinds: readonly SourceKind[];
  /** Whom the source must belong to. */
  readonly sourceOwner: 'anyone' | 'caller' | 'root';
  /** Largest source, bytes; null for no limit. */
  readonly maxSourceBytes: number | null;
  /** Patterns of further sources that the file system in a source may name; they must fit the other points of a source as well. */
  readonly members: readonly string[];
  /** Patterns of the target's path, absolute and without symbolic links. */
  readonly targets: readonly string[];
  readonly targetOwner: 'anyone' | 'caller';
  /** `read-only` allows mounts with `ro` alone. */
  readonly access: 'read-only' | 'read-write';
}
