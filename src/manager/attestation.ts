import {lackingOf, type Seal, type SealPoint, sealOfUnknown} from '../launch/seal.js';
import type {ContainmentPoint} from '../policy/index.js';
import type {WatchedMount} from './watched-mount.js';

/** A look at a server is done again when it is older; one that is asked for in between counts. */
const LOOK_MS = 9_000;
/** So long a mount of ours may be without a known server before it counts as one that lacks everything. */
const UNKNOWN_MS = 3_000;

/** What follows from looks at servers. */
export interface AttestationEvents {
  /** Points that a server had are missing. */
  containmentLost(mount: WatchedMount, points: readonly SealPoint[]): void;
  /** The server lacks points that policy requires. */
  containmentMissing(mount: WatchedMount, points: readonly SealPoint[]): void;
}

/** Looks at the servers of mounts again and again, remembers which points of containment each had, and tells what is lost. */
export class Attestation {
  readonly #events: AttestationEvents;
  readonly #monotonic: () => number;
  /** Points that were there at some look. */
  readonly #had = new WeakMap<WatchedMount, Set<ContainmentPoint>>();
  /** Since when a mount's server is not known. */
  readonly #unknown = new WeakMap<WatchedMount, number>();
  /** Mounts that are being taken away. */
  readonly #told = new WeakSet<WatchedMount>();

  /** @param monotonic milliseconds on a clock that never goes back */
  constructor(monotonic: () => number, events: AttestationEvents) {
    this.#monotonic = monotonic;
    this.#events = events;
  }

  /** Whether a mount was never looked at, and can be. */
  isNew(mount: WatchedMount): boolean {
    return !this.#had.has(mount) && mount.server !== undefined;
  }

  /** Looks at a mount's server unless that was done just now, and tells what follows. */
  check(mount: WatchedMount): void {
    const seal = mount.look(LOOK_MS)?.seal ?? this.#withoutServer(mount);
    // It may have ended while it was looked at: that is told as its death.
    if (seal === undefined || (mount.server !== undefined && !mount.isServerAlive())) return;
    const had = this.#had.get(mount) ?? new Set();
    this.#had.set(mount, had);
    const lost = lackingOf(seal, [...had]);
    for (const {point, state} of seal) {
      if (state === 'missing') had.delete(point);
      else had.add(point);
    }
    // Mounts of other programs are shown and left alone.
    if (mount.record === undefined) return;
    if (lost.length > 0) this.#events.containmentLost(mount, lost);
    const {required} = mount.policy.containment;
    if (lackingOf(seal, required).length === 0 || this.#told.has(mount)) return;
    // Files in use are lost with the mount, so what was seen has to hold at a second look, at everything anew.
    const missing = lackingOf(mount.look(0)?.seal ?? seal, required);
    if (missing.length === 0) return;
    this.#told.add(mount);
    this.#events.containmentMissing(mount, missing);
  }

  /** A mount of ours that nobody knows the server of has one that can't be verified. */
  #withoutServer(mount: WatchedMount): Seal | undefined {
    if (!mount.wantsServer) return undefined;
    const now = this.#monotonic();
    const since = this.#unknown.get(mount) ?? now;
    this.#unknown.set(mount, since);
    return now - since < UNKNOWN_MS
      ? undefined
      : sealOfUnknown('nobody knows which process serves the mount');
  }
}
