import {spawnSync} from 'node:child_process';
import {chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {openForHeir} from '../../../src/helper/source-heir.js';
import {O_PATH, O_RDONLY, O_RDWR, type OwnedFd, openFd} from '../../../src/sys/fd.js';

/** Nobody's. */
const HEIR = 1_946_157_999;
const STRANGER = HEIR + 1;

/** Whether files of the usual temporary directory can be given so. */
function cannotMap(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  const directory = mkdtempSync(join(tmpdir(), 'fuseward-heir-'));
  try {
    writeFileSync(join(directory, 'file'), '', {mode: 0o600});
    using file = openFd(join(directory, 'file'), O_PATH);
    openForHeir(file, {name: 'file', uid: HEIR, flags: O_RDONLY}).close();
    return undefined;
  } catch {
    return 'no ID-mapped mounts of the temporary directory';
  } finally {
    rmSync(directory, {recursive: true});
  }
}

const missing = cannotMap();

describe.skipIf(missing !== undefined)(
  `a file for a program that opens it again${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let directory: string;
    let path: string;
    let file: OwnedFd;
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'fuseward-heir-'));
      path = join(directory, 'file');
      writeFileSync(path, 'content', {mode: 0o600});
      file = openFd(path, O_PATH);
    });
    afterEach(() => {
      file.close();
      rmSync(directory, {recursive: true});
    });

    /** What sh(1) says as a user without rights, with the descriptor as its fd 3. */
    function asUser(uid: number, flags: number, script: string): string {
      using opened = openForHeir(file, {name: path, uid: HEIR, flags});
      const words = [
        '--reuid',
        `${uid}`,
        '--regid',
        `${uid}`,
        '--clear-groups',
        '--no-new-privs',
        'sh',
        '-c',
        script,
      ];
      const {stdout, stderr} = spawnSync('setpriv', words, {
        stdio: ['ignore', 'pipe', 'pipe', opened.fd],
        encoding: 'utf8',
      });
      return stdout + stderr;
    }

    test('that user can read it, and nobody else', () => {
      expect(asUser(HEIR, O_RDONLY, 'cat /dev/fd/3')).toBe('content');
      expect(asUser(STRANGER, O_RDONLY, 'cat /dev/fd/3')).toMatch(/Permission denied/);
    });

    test('what is opened for reading can not be written to or changed by opening it again', () => {
      expect(asUser(HEIR, O_RDONLY, 'echo new > /dev/fd/3; chmod 666 /dev/fd/3')).toMatch(
        /Read-only file system[\s\S]*Read-only file system/,
      );
      expect(readFileSync(path, 'utf8')).toBe('content');
    });

    test('what is opened for writing can be written to', () => {
      expect(asUser(HEIR, O_RDWR, 'echo new > /dev/fd/3')).toBe('');
      expect(readFileSync(path, 'utf8')).toBe('new\n');
    });

    test('a mode that keeps its own owner away says so', () => {
      chmodSync(path, 0o200);
      expect(() => openForHeir(file, {name: path, uid: HEIR, flags: O_RDONLY})).toThrow(
        expect.objectContaining({
          code: 'source-private',
          message: expect.stringMatching(/its own owner may not read it/),
        }),
      );
    });
  },
);
