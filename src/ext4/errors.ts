/** Numbers and short texts that tell where and what, beside the sentence. */
export type ErrorDetails = Readonly<Record<string, number | string | bigint>>;

/**
 * What the driver throws. `errno` is the symbolic name a caller of the system call gets; `code` tells cases
 * with the same errno apart and is what tests and logs look at.
 */
export class Ext4Error extends Error {
  override readonly name: string = 'Ext4Error';
  readonly code: string;
  readonly errno: string;
  readonly details: ErrorDetails;

  constructor(errno: string, code: string, details: ErrorDetails = {}) {
    const values = Object.entries(details).map(([name, value]) => `${name}=${value}`);
    super(values.length === 0 ? code : `${code} (${values.join(', ')})`);
    this.errno = errno;
    this.code = code;
    this.details = details;
  }
}

/** A structure that can't be true: EUCLEAN, as the kernel's EFSCORRUPTED. */
export class CorruptError extends Ext4Error {
  override readonly name: string = 'CorruptError';
  constructor(code: string, details?: ErrorDetails) {
    super('EUCLEAN', code, details);
  }
}

/** A structure whose checksum does not match: EBADMSG, as the kernel's EFSBADCRC. */
export class ChecksumError extends Ext4Error {
  override readonly name: string = 'ChecksumError';
  constructor(code: string, details?: ErrorDetails) {
    super('EBADMSG', code, details);
  }
}

/** A sound image that needs something this driver does not do. */
export class UnsupportedError extends Ext4Error {
  override readonly name: string = 'UnsupportedError';
  constructor(code: string, details?: ErrorDetails) {
    super('EOPNOTSUPP', code, details);
  }
}

/** The caller's mistake: it asked for something that is not there or not of that kind. */
export class RequestError extends Ext4Error {
  override readonly name: string = 'RequestError';
}
