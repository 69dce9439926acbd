/** Numbers and short texts that tell where and what, beside the sentence. */
export type ErrorDetails = Readonly<Record<string, number | string>>;

/**
 * What the room throws. `errno` is the symbolic name a caller of the system call gets; `code` tells cases apart and is what tests and
 * logs look at; `message` is the second half of a sentence about the superblock.
 */
export class StripefsError extends Error {
  override readonly name: string = 'StripefsError';
  readonly code: string;
  readonly errno: string;
  readonly details: ErrorDetails;

  constructor(errno: string, code: string, message: string, details: ErrorDetails = {}) {
    super(message);
    this.errno = errno;
    this.code = code;
    this.details = details;
  }
}

/** Characters of a foreign text that a sentence shows. */
const SHOWN = 120;

/** A text of the superblock as sentences show it. */
export function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
}

/**
 * Where in a superblock something stands: the file it belongs to and the field, as `"/models/a.bin": extents[0].chunk`. Kept as a
 * chain, so that a text is made only for an error.
 */
export class Place {
  readonly #parent: Place | undefined;
  readonly #name: string;
  readonly #isFile: boolean;

  private constructor(parent: Place | undefined, name: string, isFile: boolean) {
    this.#parent = parent;
    this.#name = name;
    this.#isFile = isFile;
  }

  static readonly TOP: Place = new Place(undefined, '', false);

  /** A field of this object. */
  field(name: string): Place {
    return new Place(this, `.${name}`, false);
  }

  /** An item of this list, counted from 0. */
  item(index: number): Place {
    return new Place(this, `[${index}]`, false);
  }

  /** A node in this directory; its fields are told beside its path. */
  file(name: string): Place {
    return new Place(this, name, true);
  }

  /** Absolute path of the node that it is in, '' outside of the tree. */
  get path(): string {
    const parent = this.#parent?.path ?? '';
    if (!this.#isFile) return parent;
    return parent === '' || parent === '/' ? `/${this.#name}` : `${parent}/${this.#name}`;
  }

  /** The field alone: `extents[0].chunk`; '' for the whole. */
  get fieldName(): string {
    const names: string[] = [];
    for (let at: Place | undefined = this; at !== undefined && !at.#isFile; at = at.#parent) {
      names.unshift(at.#name);
    }
    return names.join('').replace(/^\./, '');
  }

  /** Refuses what stands here. @param reason goes on after the place: `must be a text` */
  refuse(code: string, reason: string, details: ErrorDetails = {}, errno = 'EUCLEAN'): never {
    const {path, fieldName} = this;
    const where = [path === '' ? '' : shown(path), fieldName].filter((part) => part !== '').join(': ');
    throw new StripefsError(errno, code, `${where === '' ? 'the whole' : where} ${reason}`, {
      ...(path === '' ? {} : {file: path}),
      ...(fieldName === '' ? {} : {field: fieldName}),
      ...details,
    });
  }
}
