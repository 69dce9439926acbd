import {readFileSync, writeSync} from 'node:fs';
import {beforeEach, expect, test} from 'vitest';
import {EventFile} from '../../../src/manager/event-file.js';
import {EventLog} from '../../../src/manager/event-log.js';
import type {FdKeeper} from '../../../src/manager/fd-keeper.js';
import {OwnedFd} from '../../../src/sys/fd.js';

/** Keeps one file, as systemd does: a duplicate of its own. */
class Keeper implements FdKeeper {
  kept: OwnedFd | undefined;

  take(): OwnedFd | undefined {
    return this.kept?.dup();
  }

  store(_name: string, fd: number): void {
    const borrowed = new OwnedFd(fd);
    this.kept ??= borrowed.dup();
    borrowed.release();
  }
}

let keeper: Keeper;
beforeEach(() => {
  keeper = new Keeper();
  return () => keeper.kept?.close();
});

/** A life of the manager: does something with its log of events, and tells what was there before. */
function live(act: (log: EventLog) => void): number[] {
  const errors: unknown[] = [];
  const file = EventFile.open(keeper, (error) => errors.push(error));
  const log = new EventLog(Date.now, () => {}, file);
  const seen: number[] = [];
  log.subscribe(0, ({id}) => seen.push(id))();
  act(log);
  file.close();
  expect(errors).toEqual([]);
  return seen;
}

const denied = (log: EventLog, text = 'no'): unknown => log.add('denied', undefined, {message: text});

test('events and their numbers go on in the next life', () => {
  expect(live((log) => [denied(log), denied(log)])).toEqual([]);
  expect(live((log) => denied(log))).toEqual([1, 2]);
  expect(live(() => {})).toEqual([1, 2, 3]);
});

test('a line that was broken off costs that event', () => {
  live((log) => [denied(log), denied(log)]);
  const size = readFileSync(`/proc/self/fd/${keeper.kept!.fd}`).length;
  writeSync(keeper.kept!.fd, Buffer.from('{"id":3,"time":'), 0, 15, size);
  expect(live((log) => denied(log))).toEqual([1, 2]);
  expect(live(() => {})).toEqual([1, 2, 3]);
});

test('what is no event, or older than the one before, is passed over', () => {
  live((log) => [denied(log), denied(log), denied(log)]);
  const text = readFileSync(`/proc/self/fd/${keeper.kept!.fd}`, 'utf8');
  const [first, second, third] = text.split('\n');
  const mixed = Buffer.from(`${second}\n{"id":9}\n${first}\n[]\n${third}\n`.padEnd(text.length * 2, ' '));
  writeSync(keeper.kept!.fd, mixed, 0, mixed.length, 0);
  expect(live(() => {})).toEqual([2, 3]);
});

test('it does not grow without end, and keeps the newest', () => {
  const text = 'x'.repeat(20_000);
  live((log) => {
    for (let index = 0; index < 1000; index++) denied(log, text);
  });
  expect(readFileSync(`/proc/self/fd/${keeper.kept!.fd}`).length).toBeLessThanOrEqual(8 * 2 ** 20);
  const seen = live(() => {});
  expect(seen.at(-1)).toBe(1000);
  expect(seen.length).toBeGreaterThan(150);
  expect(seen).toEqual(seen.map((_, index) => seen[0]! + index));
});
