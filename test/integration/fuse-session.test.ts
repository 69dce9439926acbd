import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {mountAt, umount} from '../../src/sys/mount.js';
import {bundle} from '../support/bundle.mjs';
import {MISSING, Mounted} from './fuse-support/mounted.js';

interface Slow {
  waiting: number;
  aborted: number;
  resent: number;
}

/** A client that reads a file, and what became of it. */
function reader(path: string): {
  process: ChildProcess;
  output: () => string;
  exit: Promise<string | number | null>;
} {
  const child = spawn('cat', [path], {stdio: ['ignore', 'pipe', 'pipe']});
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const exit = new Promise<string | number | null>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  return {process: child, output: () => output, exit};
}

describe.skipIf(MISSING)(`a connection${MISSING ? ` (skipped: ${MISSING})` : ''}`, () => {
  let program: string;
  let mounted: Mounted | undefined;
  beforeAll(async () => {
    program = await bundle('test/integration/fuse-support/server-program.ts');
  });
  afterAll(() => rmSync(program, {force: true}));
  afterEach(async () => {
    await mounted?.discard();
    mounted = undefined;
  });
  const slow = (): Promise<Slow> => mounted!.ask<Slow>('slow');

  test('serves others while a handler waits', async () => {
    mounted = await Mounted.start(program, 'slow', 'events');
    const first = reader(join(mounted.target, 'slow'));
    const second = reader(join(mounted.target, 'slow'));
    await expect.poll(async () => (await slow()).waiting, {timeout: 15_000}).toBe(2);
    expect(statSync(join(mounted.target, 'slow')).size).toBe(4);
    expect(await mounted.ask('release')).toBe(2);
    expect(await Promise.all([first.exit, second.exit])).toEqual([0, 0]);
    expect([first.output(), second.output()]).toEqual(['done', 'done']);
    expect(await mounted.stop()).toMatchObject({end: 'unmounted'});
    expect(mounted.defects).toEqual([]);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`aborts the handler of a client that gets ${signal}`, async () => {
      mounted = await Mounted.start(program, 'slow', 'events');
      const client = reader(join(mounted.target, 'slow'));
      const other = reader(join(mounted.target, 'slow'));
      await expect.poll(async () => (await slow()).waiting, {timeout: 15_000}).toBe(2);
      client.process.kill(signal);
      expect(await client.exit).toBe(signal);
      expect(await slow()).toMatchObject({waiting: 1, aborted: 1});
      await mounted.ask('release');
      expect(await other.exit).toBe(0);
      await mounted.stop();
      expect(mounted.defects).toEqual([]);
    });
  }

  test('has unanswered requests sent again, and only the answer to the second counts', async () => {
    mounted = await Mounted.start(program, 'slow', 'events');
    const client = reader(join(mounted.target, 'slow'));
    await expect.poll(async () => (await slow()).waiting, {timeout: 15_000}).toBe(1);
    await mounted.ask('resend');
    await expect.poll(slow, {timeout: 15_000}).toMatchObject({waiting: 2, resent: 1});
    expect(await mounted.ask('release')).toBe(2);
    expect([await client.exit, client.output()]).toEqual([0, 'done']);
    await mounted.stop();
    expect(mounted.defects).toEqual([]);
  });

  test('interrupts a request that was sent again', async () => {
    mounted = await Mounted.start(program, 'slow', 'events');
    const client = reader(join(mounted.target, 'slow'));
    await expect.poll(async () => (await slow()).waiting, {timeout: 15_000}).toBe(1);
    await mounted.ask('resend');
    await expect.poll(slow, {timeout: 15_000}).toMatchObject({waiting: 2});
    client.process.kill('SIGTERM');
    expect(await client.exit).toBe('SIGTERM');
    expect((await slow()).aborted).toBeGreaterThan(0);
    await mounted.ask('release');
    await mounted.stop();
  });

  for (const transport of ['blocking', 'events'] as const) {
    test(`ends with 'aborted' after an abort, ${transport}`, async () => {
      mounted = await Mounted.start(program, 'memory', transport);
      const control = mkdtempSync(join(tmpdir(), 'fusectl-'));
      mountAt('fusectl', control, 'fusectl', 0);
      try {
        // makedev(0, minor): the minor is the connection's number.
        const {dev} = statSync(mounted.target);
        const number = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
        writeFileSync(join(control, String(number), 'abort'), '1');
      } finally {
        umount(control);
        rmdirSync(control);
      }
      expect((await mounted.ended).end).toBe('aborted');
      expect(() => readdirSync(mounted!.target)).toThrow(/ENOTCONN|ECONNABORTED/);
      expect(mounted.defects).toEqual([]);
    });
  }

  test('a handler that returns a promise to the blocking transport is EIO and told of', async () => {
    mounted = await Mounted.start(program, 'slow', 'blocking');
    expect(() => readdirSync(mounted!.target)).toThrow(/EIO/);
    await expect.poll(() => mounted!.defects.length, {timeout: 15_000}).toBeGreaterThan(0);
    expect(mounted.defects[0]).toContain('returned a promise');
    expect(await mounted.stop()).toMatchObject({end: 'unmounted'});
  });
});

describe.skipIf(MISSING)(`the examples run as programs${MISSING ? ` (skipped: ${MISSING})` : ''}`, () => {
  let program: string;
  let target: string;
  beforeAll(async () => {
    program = await bundle('examples/run.ts');
    target = mkdtempSync(join(tmpdir(), 'fuseward-example-'));
  });
  afterAll(() => {
    rmSync(program, {force: true});
    rmdirSync(target);
  });

  /** Mounts an example for the time of an action; returns what it printed. */
  async function withExample(name: string, action: () => void): Promise<string> {
    const child = spawn(process.execPath, [program, name, target], {stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    const up = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk;
          if (output.includes('mounted on')) resolve();
        });
      }
      exit.then(() => reject(new Error(`it ended: ${output}`)));
    });
    try {
      await up;
      action();
      umount(target);
      expect(await exit).toBe(0);
    } catch (error) {
      child.kill('SIGKILL');
      await exit;
      try {
        umount(target, 2);
      } catch {
        // Not mounted any more.
      }
      throw error;
    }
    return output;
  }

  test('hello-fs: a tree to look at', async () => {
    const output = await withExample('hello-fs', () => {
      expect(execFileSync('find', ['.'], {cwd: target, encoding: 'utf8'}).trim().split('\n').sort()).toEqual([
        '.',
        './docs',
        './docs/guide.txt',
        './hello.txt',
        './latest',
      ]);
      expect(readFileSync(join(target, 'hello.txt'), 'utf8')).toBe('Hello, world\n');
      expect(readFileSync(join(target, 'latest'), 'utf8')).toBe('Nothing here ever changes.\n');
      expect(statSync(join(target, 'docs')).isDirectory()).toBe(true);
      expect(() => statSync(join(target, 'nothing'))).toThrow('ENOENT');
      expect(() => writeFileSync(join(target, 'new'), '')).toThrow('ENOSYS');
      expect(execFileSync('ls', ['-lR', target], {encoding: 'utf8'})).toContain('latest -> docs/guide.txt');
    });
    expect(output).toBe(`mounted on ${target}\nunmounted\n`);
  });

  test('memory-fs: a place to write', async () => {
    const output = await withExample('memory-fs', () => {
      execFileSync('sh', ['-ec', 'mkdir a; echo text >a/f; mv a/f b; rmdir a; cp b c; rm b'], {cwd: target});
      expect(readdirSync(target)).toEqual(['c']);
      expect(readFileSync(join(target, 'c'), 'utf8')).toBe('text\n');
    });
    expect(output).toBe(`mounted on ${target}\nunmounted\n`);
  });
});
