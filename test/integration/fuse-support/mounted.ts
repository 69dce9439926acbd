import {type ChildProcess, fork} from 'node:child_process';
import {existsSync, mkdtempSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {umount} from '../../../src/sys/mount.js';
import {readMounts} from '../../../src/sys/mount-info.js';
import type {Kind, Transport} from './server-program.js';

/** Why mounting tests can't run here, for the title; undefined when they can. */
export const MISSING: string | undefined =
  process.geteuid?.() !== 0 ? 'not root' : existsSync('/dev/fuse') ? undefined : 'no /dev/fuse';

interface Message {
  id?: number;
  value?: unknown;
  error?: string;
  ready?: boolean;
  end?: string;
  handles?: number;
  defect?: string;
}

/** A mounted test file system and the process that serves it. */
export class Mounted {
  readonly target: string;
  /** What the session's onError hook heard. */
  readonly defects: string[] = [];
  /** How serving ended, once it has. */
  readonly ended: Promise<{end: string; handles: number}>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #asked = new Map<number, {resolve: (value: unknown) => void; reject: (error: Error) => void}>();
  #lastId = 0;

  private constructor(target: string, child: ChildProcess, ready: () => void, fail: (why: Error) => void) {
    this.target = target;
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    this.ended = new Promise((resolve) => {
      child.on('message', (message: Message) => {
        if (message.ready) ready();
        else if (message.defect !== undefined) this.defects.push(message.defect);
        else if (message.end !== undefined) resolve({end: message.end, handles: message.handles ?? 0});
        else if (message.id !== undefined) this.#answer(message.id, message);
      });
    });
    child.once('exit', (code) => {
      fail(new Error(`the server exited with ${code}`));
      for (const {reject} of this.#asked.values()) reject(new Error('the server is gone'));
    });
  }

  /** @param program the bundled server-program */
  static async start(program: string, kind: Kind, transport: Transport): Promise<Mounted> {
    const target = mkdtempSync(join(tmpdir(), `fuseward-${kind}-`));
    const child = fork(program, [kind, transport, target], {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
    try {
      return await new Promise((resolve, reject) => {
        const mounted: Mounted = new Mounted(target, child, () => resolve(mounted), reject);
      });
    } catch (error) {
      rmdirSync(target);
      throw error;
    }
  }

  /** Sends a command to the server's main thread; see server-program. Bytes go as base64. */
  ask<T>(command: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#asked.set(id, {resolve: resolve as (value: unknown) => void, reject});
      this.#child.send({id, command, args});
    });
  }

  #answer(id: number, message: Message): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (message.error === undefined) asked?.resolve(message.value);
    else asked?.reject(Object.assign(new Error(message.error), {code: message.error}));
  }

  /** Unmounts and waits for the server to end by itself. */
  async stop(): Promise<{end: string; handles: number}> {
    umount(this.target);
    const end = await this.ended;
    await this.#exited;
    rmdirSync(this.target);
    return end;
  }

  /** Stops the server's process where it is: whoever asks waits until `discard`. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Leaves nothing behind, whatever happened before. */
  async discard(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    if (readMounts().some((mount) => mount.target === this.target)) umount(this.target, 2);
    if (existsSync(this.target)) rmdirSync(this.target);
  }
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64');
