import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync, rmSync} from 'node:fs';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {receivePacket, sendPacket, seqpacketPair} from '../../../src/sys/socket.js';
import {bundle} from '../bundle.mjs';
import type {Done, Job} from './host/job.js';
import {SocketLink} from './link.js';

const PROGRAM = 'test/support/kernel-sim/host/main.ts';
const PATIENCE_MS = 20_000;

/** A process that serves one job after the other. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #jobs: OwnedFd;
  readonly #program: string;
  readonly #exited: Promise<unknown>;

  private constructor(program: string, child: ChildProcess, jobs: OwnedFd) {
    this.#program = program;
    this.#child = child;
    this.#jobs = jobs;
    this.#exited = once(child, 'exit');
  }

  static async start(nodeOptions: readonly string[] = []): Promise<ServerProcess> {
    const program = await bundle(PROGRAM);
    const [ours, theirs] = seqpacketPair();
    const child = spawn(process.execPath, [...nodeOptions, '--enable-source-maps', program], {
      stdio: ['ignore', 'inherit', 'inherit', theirs.fd],
    });
    theirs.close();
    return new ServerProcess(program, child, ours);
  }

  /** Has it serve one connection. @param sources descriptors of the images; the caller keeps them */
  serve(job: Job, sources: readonly number[]): SocketLink {
    const [device, theirDevice] = seqpacketPair();
    const [calls, theirCalls] = seqpacketPair();
    const packet = Buffer.from(JSON.stringify(job));
    sendPacket(this.#jobs.fd, packet, [theirDevice.fd, theirCalls.fd, ...sources], {timeoutMs: PATIENCE_MS});
    theirDevice.close();
    theirCalls.close();
    return new SocketLink(device, calls);
  }

  /** What the server told when the connection that it served was closed. */
  done(): Done {
    const buffer = new Uint8Array(65_536);
    const {length} = receivePacket(this.#jobs.fd, buffer, {timeoutMs: PATIENCE_MS});
    if (length === 0) throw new Error('the process with the server is gone');
    return JSON.parse(Buffer.from(buffer.subarray(0, length)).toString()) as Done;
  }

  /** Resident memory now and at most so far, bytes. */
  memory(): {now: number; most: number} {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'latin1');
    const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    return {now: kib('VmRSS') * 1024, most: kib('VmHWM') * 1024};
  }

  /** Ends it. @returns its exit code */
  async stop(): Promise<number | null> {
    this.#jobs.close();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await this.#exited;
    clearTimeout(late);
    rmSync(this.#program, {force: true});
    return this.#child.exitCode;
  }
}
