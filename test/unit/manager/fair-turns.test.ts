import {expect, test} from 'vitest';
import {FairTurns} from '../../../src/manager/fair-turns.js';

/** Starts acts that end when they are told to; `started` has their names in order. */
function acts(turns: FairTurns<string>) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const begin = (who: string, name: string): Promise<void> =>
    turns.run(who, () => {
      started.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string): Promise<void> => {
    ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {started, begin, end};
}

test('one at a time for each, and turns go round', async () => {
  const {started, begin, end} = acts(new FairTurns(2, 60_000));
  const all = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((name) => begin(name[0]!, name));
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toEqual(['a1', 'b1']);
  await end('a1');
  // c has waited for less than a, but it is its turn.
  expect(started).toEqual(['a1', 'b1', 'c1']);
  await end('b1');
  expect(started).toEqual(['a1', 'b1', 'c1', 'a2']);
  for (const name of ['c1', 'a2', 'b2', 'a3']) await end(name);
  await Promise.all(all);
  expect(started.sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'c1']);
});

test('one that fails does not keep its place', async () => {
  const turns = new FairTurns<string>(1, 60_000);
  await expect(turns.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await turns.run('a', async () => 'yes')).toBe('yes');
});

test('what never ends keeps nobody waiting but who asked for it', async () => {
  const turns = new FairTurns<string>(1, 20);
  const never = turns.run('a', () => new Promise<void>(() => undefined));
  let again = false;
  void turns.run('a', async () => {
    again = true;
  });
  expect(await turns.run('b', async () => 'served')).toBe('served');
  expect(await turns.run('b', async () => 'served')).toBe('served');
  expect(again).toBe(false);
  void never;
});
