/**
 * `node:child_process`, for programs whose start somebody waits for and which mostly do without: it takes 8 ms to load, with the streams and the
 * network that it needs.
 */
export function childProcess(): typeof import('node:child_process') {
  return process.getBuiltinModule('node:child_process');
}
