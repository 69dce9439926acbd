import type {Origin, SourceKind} from './allow-rule.js';
import type {MemberRule} from './member-rule.js';

/** What is known of a mount before anything is started, every bit of it from open descriptors and the caller's credentials. */
export interface MountFacts {
  readonly caller: {readonly uid: number; readonly gid: number; readonly groups: readonly number[]};
  readonly source: {
    /** Absolute, without symbolic links; of a name the name. */
    readonly path: string;
    readonly kind: SourceKind;
    readonly uid: number;
    readonly bytes: number;
  };
  readonly target: {
    /** Absolute, without symbolic links. */
    readonly path: string;
    readonly uid: number;
    /** Kind of file system that it lies in, `ext4`. */
    readonly fsType: string;
  };
  readonly readOnly: boolean;
  /** Every option of the caller's, in order. */
  readonly options: ReadonlyArray<{readonly key: string; readonly value?: string}>;
}

/** What policy says to a mount. */
export interface Decision {
  readonly allowed: boolean;
  /** What decided: a rule or a setting; undefined where no file has any rule. */
  readonly origin: Origin | undefined;
  /** Why, as the second half of a sentence. */
  readonly reason: string;
  /** Each rule that was looked at, in order, and what came of it. */
  readonly considered: ReadonlyArray<{readonly origin: Origin; readonly verdict: string}>;
  /** Options that the mount gets whatever the caller says: `nosuid`, `nodev`, `noexec`, `ro`. */
  readonly forced: readonly string[];
  /** What the rule that allows a mount says of further sources. */
  readonly members?: MemberRule;
}
