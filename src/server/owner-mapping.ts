import {type DriverContext, MountRefusal} from './driver.js';
import {numberOption} from './number-option.js';

/** Options that change who owns what is shown, and who may do what with it. The image keeps what it says. */
export const OWNER_OPTIONS: readonly string[] = ['uid', 'gid', 'umask', 'fmask', 'dmask'];

/** 2^32 - 1 is no id. */
const MOST_ID = 2 ** 32 - 2;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

/** What a mapping changes. */
interface Shown {
  mode: number;
  uid: number;
  gid: number;
}

function mask(options: DriverContext['options'], name: string): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  if (!/^0?[0-7]{1,3}$/.test(text)) {
    throw new MountRefusal(
      'EINVAL',
      'bad-option',
      `option ${name}=${text} is not an octal mask from 0 to 777`,
    );
  }
  return Number.parseInt(text, 8);
}

/**
 * Owner and permissions as the mount shows them: `uid=` and `gid=` own everything, `umask=` takes permission bits from everything but
 * symbolic links, `fmask=` and `dmask=` from files and directories instead. For images whose user ids mean nothing on this machine.
 * The kernel checks permissions by what is shown.
 */
export class OwnerMapping {
  readonly #uid: number | undefined;
  readonly #gid: number | undefined;
  readonly #fileMask: number;
  readonly #directoryMask: number;

  /** @throws MountRefusal `bad-option` */
  constructor(options: DriverContext['options']) {
    this.#uid = numberOption(options, 'uid', MOST_ID);
    this.#gid = numberOption(options, 'gid', MOST_ID);
    const both = mask(options, 'umask') ?? 0;
    this.#fileMask = mask(options, 'fmask') ?? both;
    this.#directoryMask = mask(options, 'dmask') ?? both;
  }

  /** Undefined where no option asks for one, so that nothing is done for each answer. @throws MountRefusal `bad-option` */
  static from(options: DriverContext['options']): OwnerMapping | undefined {
    return OWNER_OPTIONS.some((name) => options.has(name)) ? new OwnerMapping(options) : undefined;
  }

  /** Changes what is about to be shown of a node. */
  apply(attr: Shown): void {
    if (this.#uid !== undefined) attr.uid = this.#uid;
    if (this.#gid !== undefined) attr.gid = this.#gid;
    const type = attr.mode & S_IFMT;
    if (type !== S_IFLNK) attr.mode &= ~(type === S_IFDIR ? this.#directoryMask : this.#fileMask);
  }
}
