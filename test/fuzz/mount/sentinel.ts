import {createHash} from 'node:crypto';
import {closeSync, constants, openSync, readSync} from 'node:fs';
import {parentPort, workerData} from 'node:worker_threads';
import {cString, getdents, llistxattr, statfs, statx} from '../../support/posix.js';

/** A healthy mount that is read all along, by a thread of its own: nothing done to other mounts may change an answer or delay it. */
export interface SentinelReport {
  rounds: number;
  /** Milliseconds that the longest operation took. */
  slowestMs: number;
  findings: string[];
}

const O_DIRECT = 0o40000;
const LIMIT_MS = 5_000;
const PAUSE_MS = 40;
/** Of each file so much is read: one is a hole of a GiB. */
const READ_BYTES = 1 << 18;
const root = String(workerData);
const report: SentinelReport = {rounds: 0, slowestMs: 0, findings: []};
const buffer = Buffer.alloc(1 << 17);

function timed<T>(action: () => T): T {
  const start = Date.now();
  const value = action();
  report.slowestMs = Math.max(report.slowestMs, Date.now() - start);
  return value;
}

/** A line a file, from the server wherever the kernel keeps nothing. */
function look(path: string, lines: string[]): void {
  const stat = timed(() => statx(cString(path)));
  const line = [path.slice(root.length), stat.mode, stat.size, stat.ino, stat.mtime];
  line.push(timed(() => llistxattr(cString(path))).join());
  const type = stat.mode & 0o170000;
  if (type === constants.S_IFREG) line.push(contentOf(path));
  lines.push(line.join(' '));
  if (type !== constants.S_IFDIR) return;
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const names = timed(() => getdents(fd)).map(({name}) => name.toString('latin1'));
    for (const name of names) if (name !== '.' && name !== '..') look(`${path}/${name}`, lines);
  } finally {
    closeSync(fd);
  }
}

/** A hash of what a file begins with, read past the kernel's cache. */
function contentOf(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | O_DIRECT);
  const hash = createHash('sha256');
  try {
    for (let at = 0, length = 1; length > 0 && at < READ_BYTES; at += length) {
      length = timed(() => readSync(fd, buffer, 0, buffer.length, at));
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}

function absent(name: string): string {
  try {
    timed(() => statx(cString(`${root}/${name}`)));
    return 'there';
  } catch (error) {
    return String((error as {code?: string}).code);
  }
}

function round(number: number): string {
  const lines: string[] = [];
  look(root, lines);
  // A name never asked for before goes to the server, and so does statfs.
  lines.push(absent(`absent-${number}`), JSON.stringify(timed(() => statfs(root))));
  return lines.join('\n');
}

let sound = '';
function next(): void {
  try {
    const seen = round(report.rounds);
    if (report.rounds === 0) sound = seen;
    else if (seen !== sound) report.findings.push(`round ${report.rounds}: other answers than at first`);
    if (report.slowestMs > LIMIT_MS) report.findings.push(`an operation took ${report.slowestMs} ms`);
  } catch (error) {
    report.findings.push(`round ${report.rounds}: ${error}`);
  }
  report.rounds++;
  if (report.findings.length < 5) setTimeout(next, PAUSE_MS);
}

parentPort!.on('message', () => parentPort!.postMessage(report));
next();
