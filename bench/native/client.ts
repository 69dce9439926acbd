import {execFileSync} from 'node:child_process';
import {compiled} from './compile.js';

/** What `client.c` can do. */
export type Operation =
  | 'walk'
  | 'stat'
  | 'stat-forced'
  | 'stat-birth'
  | 'open-close'
  | 'read-small'
  | 'sequential'
  | 'random';

export interface Work {
  readonly operation: Operation;
  /** How many times, where the operation is one that is repeated; for each job. */
  readonly count: number;
  /** Processes that do it at the same time. */
  readonly jobs: number;
  /** The processor that the client is bound to; none unless told, as users are not. */
  readonly core?: number;
}

/** What a client says of itself. */
export interface Outcome {
  readonly ns: number;
  /** Things done by all jobs: files, calls, or bytes of the sequential read. */
  readonly count: number;
  /** Over what was read, so that contenders can be held against each other. */
  readonly sum: bigint;
  /** Processor time of all jobs, user and system. */
  readonly cpuUs: number;
}

/** Lets the C client work on a mount. @throws when the client fails */
export function work(root: string, {operation, count, jobs, core}: Work): Outcome {
  const line = [compiled('client'), operation, root, `${count}`, `${jobs}`];
  const bound = core === undefined ? line : ['taskset', '-c', `${core}`, ...line];
  const output = execFileSync(bound[0]!, bound.slice(1), {encoding: 'utf8'});
  const [ns, done, sum, cpuUs] = output.trim().split(' ');
  return {ns: Number(ns), count: Number(done), sum: BigInt(`0x${sum}`), cpuUs: Number(cpuUs)};
}
