import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {rmSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, beforeEach} from 'vitest';
import {MountError} from '../../src/helper/errors.js';
import {mount} from '../../src/helper/mount.js';
import type {MountDependencies} from '../../src/helper/mount-request.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import {bundle} from '../support/bundle.mjs';
import type {Act, HostileScript, Took} from '../support/hostile-server/acts.js';
import {EVER_MS} from '../support/hostile-server/acts.js';
import {FakeServers, type Playground, playground, request, type Traces, tracesOf} from './helper-support.js';
import {doit, mntp, name, open, type} from './protocol-bytes.js';

/** For a server that is silent; the part of the conversation before takes some of it. */
const SILENCE_MS = 3_000;
/** For one that goes on. */
const DEADLINE_MS = 20_000;
/** What a loaded machine may add. */
const MARGIN_MS = 20_000;

export const send = (bytes: Buffer): Act => ({send: bytes.toString('hex')});
/** Sends what has no answer. */
export const last = (bytes: Buffer): Act => ({send: bytes.toString('hex'), answer: false});
/** Writes to the control channel. */
export const tell = (bytes: Uint8Array, times = 1): Act => ({
  tell: Buffer.from(bytes).toString('hex'),
  times,
});
export const EVER: Act = {waitMs: EVER_MS};
export const TAKE: Act = {take: true};
/** Hello, argument file, fuse device. */
export const GREETING: readonly Act[] = [TAKE, {send: '4c41535400010000'}, TAKE];
/** Opens the control channel: from here on the extension is on, and `tell` writes to it. */
export const CONTROL: Act = send(open('fuseward:control', {request: 1}));

/** A place for one mount by a hostile server, which plays a service: it is not the helper's to kill. */
export class HostileBench {
  readonly place: Playground = playground();
  readonly servers: FakeServers<HostileScript>;
  readonly #before: Traces = tracesOf(this.place.dir);

  constructor(program: string) {
    this.servers = new FakeServers(program);
  }

  /** What an honest server says to have itself mounted. */
  mounting(): Act[] {
    const {image, target} = this.place;
    return [type(0), name(image), mntp(target), doit()].map(send);
  }

  deps(acts: readonly Act[], deadlineMs: number = DEADLINE_MS): MountDependencies {
    return this.servers.deps({acts}, {kind: 'socket', policy: {deadlineMs}});
  }

  /** What the server took, once it is gone. */
  async took(): Promise<Took[]> {
    await this.servers.allGone(MARGIN_MS);
    const lines = this.servers.output.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Took);
  }

  /** The mount fails before its deadline, with this to say. Without `named` the server has to find out the type. */
  async fails(acts: readonly Act[], code: string | RegExp, says: RegExp, named = true): Promise<void> {
    const deadlineMs = code === 'deadline' ? SILENCE_MS : DEADLINE_MS;
    const started = performance.now();
    const asked = named ? request(this.place) : {...request(this.place), type: undefined};
    const error = await mount(asked, this.deps(acts, deadlineMs)).then(
      () => assert.fail('it worked'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof MountError, String(error));
    assert.match(error.message, says);
    if (typeof code === 'string') assert.equal(error.code, code);
    else assert.match(error.code, code);
    assert.ok(performance.now() - started < deadlineMs + MARGIN_MS, 'past its deadline');
    assert.equal(mountAtPath(this.place.target), undefined);
  }

  /** Ends the servers; nothing may be left, be it of this process. */
  async remove(): Promise<void> {
    for (const child of this.servers.children) child.kill('SIGKILL');
    await this.servers.allGone();
    const after = tracesOf(this.place.dir);
    if (after.mounts.length > 0) spawnSync('umount', ['-lR', this.place.target]);
    this.place.remove();
    assert.deepEqual(after, this.#before, 'something was left behind');
  }
}

/** Gives each test of the suite that calls it a bench, and sees to it that nothing is left of it. */
export function withHostileBench(begin: (fresh: HostileBench) => void): void {
  let program: string;
  let bench: HostileBench;
  beforeAll(async () => {
    program = await bundle('test/support/hostile-server/main.ts');
  });
  afterAll(() => rmSync(program));
  beforeEach(() => {
    bench = new HostileBench(program);
    begin(bench);
  });
  afterEach(() => bench.remove());
}
