/**
 * A file system answered with something that must not reach the kernel (a name with a slash, a size of 2^63, more data
 * than asked for). The caller gets EIO, the session's `onError` hook this error.
 */
export class InvalidReplyError extends Error {
  /** What is wrong, `dirent-name`, `attr-mode`, … */
  readonly code: string;
  readonly errno = 'EIO';
  readonly details: Readonly<Record<string, number | string>>;

  constructor(code: string, details: Readonly<Record<string, number | string>> = {}) {
    const values = Object.entries(details).map(([name, value]) => `${name}=${value}`);
    super(values.length === 0 ? code : `${code} (${values.join(', ')})`);
    this.name = 'InvalidReplyError';
    this.code = code;
    this.details = details;
  }
}

/** @throws InvalidReplyError unless a handler's result is bytes, as its type promised. */
export function mustBeBytes(result: unknown): asserts result is Uint8Array {
  if (!(result instanceof Uint8Array)) throw new InvalidReplyError('no-bytes', {type: typeof result});
}
