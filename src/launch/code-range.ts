import type {ServerPolicy} from '../policy/index.js';

/** Node from which on V8 makes its whole range for code writable and executable at its start, which counts as data; it touches little of it. */
const FIRST_NODE = 24;
const CODE_RANGE = 2 ** 29;
/** What a program of ours needs beside it. */
const LEAST_REST = 2 ** 27;

/** Bytes of a process's data that V8 of this Node only reserves. @param node its version: this process's unless told */
function reserved({jitless}: Pick<ServerPolicy, 'jitless'>, node: string): number {
  return jitless || Number.parseInt(node, 10) < FIRST_NODE ? 0 : CODE_RANGE;
}

/** RLIMIT_DATA of a server of ours: what policy gives it to use, and what V8 only reserves. */
export function dataLimit(
  server: Pick<ServerPolicy, 'memoryBytes' | 'jitless'>,
  node: string = process.versions.node,
): number {
  return server.memoryBytes + reserved(server, node);
}

/** Whether a program of ours can start with policy's memory as RLIMIT_DATA, for one that hands that limit on to a program of others. */
export function fitsInto(
  server: Pick<ServerPolicy, 'memoryBytes' | 'jitless'>,
  node: string = process.versions.node,
): boolean {
  return server.memoryBytes >= reserved(server, node) + LEAST_REST;
}
