import {setTimeout as sleep} from 'node:timers/promises';
import type {ServerPolicy} from '../policy/index.js';
import {launchEmbedded} from './embedded.js';
import {HeldServer} from './held-server.js';

/** How long an ended one may take to be gone, and how often it is looked. */
const END_MS = 2_000;
const LOOK_MS = 2;

/**
 * A server that starts while its mount is still looked at: Node takes longer for that than everything that the mount command does before it needs
 * one. It is told nothing before policy has allowed the mount.
 */
export class EarlyServer extends HeldServer {
  /**
   * Where a mount starts one of our own (`startsOwn`).
   * @param type `auto` for one that finds out
   * @returns undefined where none can be started: whoever needs one then is told why
   */
  static start(type: string, policy: ServerPolicy): EarlyServer | undefined {
    try {
      return new EarlyServer(launchEmbedded(type, policy), type, policy);
    } catch {
      return undefined;
    }
  }

  /** Ends it if no mount took it, and waits until nothing of it runs; not for ever, since what becomes of the mount is told in any case. */
  async abandon(): Promise<void> {
    if (this.taken) return;
    this.server.kill();
    this.server.socket.close();
    const end = performance.now() + END_MS;
    while (!this.server.exited() && performance.now() < end) await sleep(LOOK_MS);
  }
}
