import {ERRNO, type ErrnoCode} from '../../../src/sys/errno-codes.js';

/** What the user of the simulated kernel sees of a failed system call. */
export class KernelError extends Error {
  readonly code: ErrnoCode;
  readonly errno: number;

  constructor(code: ErrnoCode, what: string) {
    super(`${what}: ${code}`);
    this.name = 'KernelError';
    this.code = code;
    this.errno = ERRNO[code];
  }
}

/**
 * What a server can do wrong. Kinds that begin with `map-` are the checks of IOMAP_BEGIN answers and upserted mappings,
 * `config-` those of the CONFIG reply, `attr-` rules on attributes, `cache-` on the mapping cache, `reply-` on replies as such, `data-`
 * answers that lose or endanger data although the kernel takes them.
 */
export type FaultKind =
  | 'map-type'
  | 'map-flags'
  | 'map-zero-length'
  | 'map-overflow'
  | 'map-beyond-maxbytes'
  | 'map-alignment'
  | 'map-address-alignment'
  | 'map-not-covering'
  | 'map-address'
  | 'map-device'
  | 'map-cookie'
  | 'map-device-end'
  | 'map-slot'
  | 'map-special-flags'
  | 'map-atomic'
  | 'map-inline-length'
  | 'map-read-only-device'
  | 'cache-retry-without-cache'
  | 'cache-retry-endless'
  | 'cache-retry-refused'
  | 'config-size'
  | 'config-flags'
  | 'config-padding'
  | 'config-uuid'
  | 'config-blocksize'
  | 'config-time'
  | 'config-maxbytes'
  | 'init-not-offered'
  | 'init-without-ext'
  | 'init-minor'
  | 'attr-iomap-without-exclusive'
  | 'attr-flags-changed'
  | 'attr-ino-changed'
  | 'attr-invalid'
  | 'open-flags'
  | 'reply-header'
  | 'reply-size'
  | 'reply-unknown'
  | 'reply-error-with-body'
  | 'notify-size'
  | 'notify-unknown'
  | 'notify-node'
  | 'notify-ino'
  | 'ioend-size-shrank'
  | 'data-hole-for-write'
  | 'data-direct-delalloc'
  | 'data-writeback-hole'
  | 'data-writeback-type'
  | 'data-read-allocated';

/** Counts by kind what a server did wrong, and keeps the first of each kind in words. */
export class Faults {
  readonly #counts = new Map<FaultKind, number>();
  readonly #first = new Map<FaultKind, string>();

  add(kind: FaultKind, detail: string): void {
    this.#counts.set(kind, this.count(kind) + 1);
    if (!this.#first.has(kind)) this.#first.set(kind, detail);
  }

  count(kind: FaultKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** One line for each kind there was: `map-alignment x2: …`. Empty for a server without fault. */
  lines(): string[] {
    return [...this.#counts].map(([kind, count]) => `${kind} x${count}: ${this.#first.get(kind)}`);
  }

  kinds(): FaultKind[] {
    return [...this.#counts.keys()];
  }
}
