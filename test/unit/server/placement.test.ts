import {afterEach, describe, expect, test} from 'vitest';
import {Placement} from '../../../src/server/placement.js';
import {allowCpus, allowedCpus, hasCpu, onlyCpu} from '../../../src/sys/affinity.js';

const before = allowedCpus();
const cpus = Array.from({length: 1024}, (_, cpu) => cpu).filter((cpu) => hasCpu(before, cpu));
const one = cpus.length < 2 ? 'there is but one processor' : undefined;
const [first = 0, second = 0] = cpus;

function may(): number[] {
  const mask = allowedCpus();
  return cpus.filter((cpu) => hasCpu(mask, cpu));
}
function note(placement: Placement, ...from: number[]): void {
  for (const cpu of from) placement.note(cpu);
}

describe.skipIf(one)(`where a thread is kept${one === undefined ? '' : ` (skipped: ${one})`}`, () => {
  afterEach(() => allowCpus(before));

  test('nowhere, until it is known where callers are', () => {
    note(new Placement(), ...Array(31).fill(second));
    expect(may()).toEqual(cpus);
  });

  test('on the processor that all requests of late came from, and on another one when they move', () => {
    const placement = new Placement();
    note(placement, ...Array(32).fill(second));
    expect(may()).toEqual([second]);
    expect(placement.cpu).toBe(second);
    note(placement, ...Array(40).fill(first));
    expect(may()).toEqual([first]);
  });

  test('a few requests from elsewhere change nothing', () => {
    const placement = new Placement();
    note(placement, ...Array(32).fill(first));
    for (let round = 0; round < 4; round++)
      note(placement, ...Array(8).fill(second), ...Array(24).fill(first));
    expect(may()).toEqual([first]);
  });

  test('wherever the scheduler puts it, while callers are on several', () => {
    const placement = new Placement();
    note(placement, ...Array(32).fill(first));
    for (let round = 0; round < 32; round++) note(placement, first, second);
    expect(may()).toEqual(cpus);
    expect(placement.cpu).toBeUndefined();
  });

  test('nowhere for a while, where callers leave whenever it comes', () => {
    const placement = new Placement();
    note(placement, ...Array(32).fill(first), ...Array(32).fill(second));
    expect(may()).toEqual([second]);
    note(placement, ...Array(32).fill(first));
    expect(may()).toEqual(cpus);
    expect(placement.cpu).toBeUndefined();
    for (let window = 0; window < 256; window++) note(placement, ...Array(32).fill(first));
    expect(may()).toEqual(cpus);
    note(placement, ...Array(32).fill(first));
    expect(may()).toEqual([first]);
  });

  test('where callers stay, however often they moved long ago', () => {
    const placement = new Placement();
    for (let round = 0; round < 6; round++) {
      const here = round % 2 === 0 ? first : second;
      note(placement, ...Array(64).fill(here));
      expect(may()).toEqual([here]);
    }
  });

  test('never on one that it was not allowed before', () => {
    allowCpus(onlyCpu(first));
    const placement = new Placement();
    note(placement, ...Array(32).fill(second));
    expect(may()).toEqual([first]);
    note(placement, ...Array(32).fill(5000));
    expect(may()).toEqual([first]);
  });
});
