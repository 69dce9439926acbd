import {closeSync, openSync, readFileSync, readSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {bundle} from '../support/bundle.mjs';
import {DATA, DATA_SIZE, DIGIT, DIR, EXISTS, THERE} from './fuse-support/changing-fs.js';
import {base64, MISSING, Mounted} from './fuse-support/mounted.js';

describe.skipIf(MISSING)(
  `notifications change what the kernel remembers${MISSING ? ` (skipped: ${MISSING})` : ''}`,
  () => {
    let program: string;
    let mounted: Mounted;
    const path = (name: string): string => join(mounted.target, name);
    const count = (op: string): Promise<number> => mounted.ask<number>('count', op);

    beforeAll(async () => {
      program = await bundle('test/integration/fuse-support/server-program.ts');
    });
    afterAll(() => rmSync(program, {force: true}));
    beforeEach(async () => {
      mounted = await Mounted.start(program, 'changing', 'blocking');
    });
    afterEach(async () => {
      try {
        expect(mounted.defects).toEqual([]);
        await mounted.stop();
      } finally {
        await mounted.discard();
      }
    });

    /** What `data` reads as: one digit throughout. */
    function digit(): string {
      const text = readFileSync(path('data'), 'latin1');
      expect(text).toBe(text.charAt(0).repeat(DATA_SIZE));
      return text.charAt(0);
    }

    test('without any the kernel does not ask again', async () => {
      statSync(path('there'));
      const before = await count('LOOKUP');
      await mounted.ask('set', EXISTS, 0);
      for (let i = 0; i < 5; i++) statSync(path('there'));
      expect(await count('LOOKUP')).toBe(before);
      expect(digit()).toBe('0');
      await mounted.ask('set', DIGIT, 7);
      expect(digit()).toBe('0');
    });

    test('invalEntry makes it look a name up again', async () => {
      statSync(path('there'));
      await mounted.ask('set', EXISTS, 0);
      await mounted.ask('invalEntry', 1, base64('there'));
      expect(() => statSync(path('there'))).toThrow('ENOENT');
    });

    test('an expired name is looked up again and its inode kept', async () => {
      const fd = openSync(path('there'), 'r');
      const before = await count('LOOKUP');
      await mounted.ask('invalEntry', 1, base64('there'), {expireOnly: true});
      statSync(path('there'));
      expect(await count('LOOKUP')).toBe(before + 1);
      closeSync(fd);
    });

    test('invalEntry of a name that it does not have is ENOENT', async () => {
      await expect(mounted.ask('invalEntry', 1, base64('never'))).rejects.toMatchObject({code: 'ENOENT'});
    });

    test('invalInode drops pages and attributes', async () => {
      expect(digit()).toBe('0');
      await mounted.ask('set', DIGIT, 3);
      const before = await count('GETATTR');
      await mounted.ask('invalInode', DATA);
      expect(digit()).toBe('3');
      expect(await count('GETATTR')).toBeGreaterThan(before);
    });

    test('invalInode below 0 leaves the pages alone', async () => {
      expect(digit()).toBe('0');
      await mounted.ask('set', DIGIT, 3);
      const before = await count('GETATTR');
      await mounted.ask('invalInode', DATA, -1);
      statSync(path('data'));
      expect(await count('GETATTR')).toBe(before + 1);
      expect(digit()).toBe('0');
    });

    test('part of the pages', async () => {
      expect(digit()).toBe('0');
      await mounted.ask('set', DIGIT, 3);
      await mounted.ask('invalInode', DATA, 4096, 4096);
      expect(readFileSync(path('data'), 'latin1')).toBe('0'.repeat(4096) + '3'.repeat(4096));
    });

    test('store puts bytes into the cache, retrieve gets them out', async () => {
      expect(digit()).toBe('0');
      const reads = await count('READ');
      await mounted.ask('store', DATA, 100, base64('stored'));
      const fd = openSync(path('data'), 'r');
      const bytes = Buffer.alloc(10);
      readSync(fd, bytes, 0, 10, 98);
      closeSync(fd);
      expect(bytes.toString()).toBe('00stored00');
      expect(await count('READ')).toBe(reads);
      const retrieved = await mounted.ask<{offset: number; data: string}>('retrieve', DATA, 98, 10);
      expect(retrieved).toEqual({offset: 98, data: base64('00stored00')});
      await expect.poll(() => count('NOTIFY_REPLY'), {timeout: 15_000}).toBe(1);
    });

    test('retrieve of what is not cached brings nothing', async () => {
      statSync(path('data'));
      expect(await mounted.ask('retrieve', DATA, 0, 4096)).toMatchObject({data: ''});
    });

    test('delete takes a name away', async () => {
      statSync(path('there'));
      // Another node by that name: nothing to delete.
      await expect(mounted.ask('delete', 1, DIR, base64('there'))).rejects.toMatchObject({code: 'ENOENT'});
      statSync(path('there'));
      await mounted.ask('set', EXISTS, 0);
      await mounted.ask('delete', 1, THERE, base64('there'));
      expect(() => statSync(path('there'))).toThrow('ENOENT');
    });

    test('prune gives unused inodes back, by forgets', async () => {
      statSync(path('there'));
      const forgets = async (): Promise<number> => (await count('FORGET')) + (await count('BATCH_FORGET'));
      const before = await forgets();
      const pruned = await mounted.ask('prune', [THERE, 999]).then(
        () => true,
        (error) => {
          if (error.code !== 'EINVAL') throw error;
          return false;
        },
      );
      if (!pruned) return expect(await forgets()).toBe(before);
      await expect.poll(forgets, {timeout: 15_000}).toBe(before + 1);
    });

    test('a new epoch makes every name stale', async () => {
      statSync(path('there'));
      statSync(path('data'));
      const before = await count('LOOKUP');
      await mounted.ask('incEpoch');
      statSync(path('there'));
      statSync(path('data'));
      expect(await count('LOOKUP')).toBe(before + 2);
    });

    test('resend with nothing unanswered changes nothing', async () => {
      await mounted.ask('resend');
      statSync(path('there'));
    });
  },
);
