import {describe, expect, test} from 'vitest';
import {EVENTS_KEPT, EventLog} from '../../../src/manager/event-log.js';
import type {ManagerEvent} from '../../../src/manager/model.js';

function log(onFailure: (error: unknown) => void = () => undefined): EventLog {
  return new EventLog(() => Date.UTC(2024, 1, 29, 12), onFailure);
}

describe('events', () => {
  test('are numbered from 1 and carry time, subject and details', () => {
    const events = log();
    const seen: ManagerEvent[] = [];
    events.subscribe(undefined, (event) => seen.push(event));
    events.add('mounted', {id: '43', target: '/mnt'}, {source: '/a.img'});
    events.add('denied', undefined, {});
    expect(seen).toEqual([
      {
        id: 1,
        time: '2024-02-29T12:00:00.000Z',
        event: 'mounted',
        mount: '43',
        target: '/mnt',
        details: {source: '/a.img'},
      },
      {id: 2, time: '2024-02-29T12:00:00.000Z', event: 'denied', mount: null, target: null, details: {}},
    ]);
  });

  test.each([
    ['nothing was seen yet', 0, [1, 2, 3]],
    ['some were seen', 2, [3]],
    ['all were seen', 3, []],
    ['the number is from an earlier life of the daemon', 900, [1, 2, 3]],
  ])('kept ones are told when %s', (_what, since, ids) => {
    const events = log();
    for (let i = 0; i < 3; i++) events.add('health', undefined, {});
    const seen: number[] = [];
    events.subscribe(since, ({id}) => seen.push(id));
    expect(seen).toEqual(ids);
    events.add('health', undefined, {});
    expect(seen).toEqual([...ids, 4]);
  });

  test('without a number only new ones are told', () => {
    const events = log();
    events.add('health', undefined, {});
    const seen: number[] = [];
    events.subscribe(undefined, ({id}) => seen.push(id));
    events.add('health', undefined, {});
    expect(seen).toEqual([2]);
  });

  test('the oldest go when there are too many', () => {
    const events = log();
    for (let i = 0; i < EVENTS_KEPT + 5; i++) events.add('health', undefined, {});
    const seen: number[] = [];
    events.subscribe(0, ({id}) => seen.push(id));
    expect(seen).toHaveLength(EVENTS_KEPT);
    expect([seen[0], seen.at(-1)]).toEqual([6, EVENTS_KEPT + 5]);
  });

  test('a listener that fails disturbs nobody, and one that left hears nothing', () => {
    const failures: unknown[] = [];
    const events = log((error) => failures.push(error));
    const seen: string[] = [];
    events.subscribe(undefined, () => {
      throw new Error('no');
    });
    const listener = (event: ManagerEvent): void => void seen.push(`${event.id}`);
    const leave = events.subscribe(undefined, listener);
    events.subscribe(undefined, listener);
    events.add('health', undefined, {});
    leave();
    events.add('health', undefined, {});
    expect(seen).toEqual(['1', '1', '2']);
    expect(failures).toHaveLength(2);
  });
});
