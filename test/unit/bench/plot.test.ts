import {expect, test} from 'vitest';
import {Curves} from '../../../bench/growth/curves.js';
import {type Plot, svg} from '../../../bench/report/plot.js';

const PLOT: Plot = {
  title: 'Walk <cold>',
  x: 'files',
  y: 'seconds',
  log: true,
  series: [
    {
      name: 'one & all',
      points: [
        [1000, 0.01],
        [10_000, 0.1],
        [1_000_000, 10],
      ],
    },
    {name: 'not measured', points: []},
    {name: 'other', points: [[1000, 10]]},
  ],
};

/** Where the dots of a plot lie, in the order of its points. */
function dots(document: string): Array<[number, number]> {
  return [...document.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]);
}

/** The marks of the axes, in the order of the document: those of y, then those of x. */
function texts(document: string): string[] {
  return [...document.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

test('equal factors are equal distances on logarithmic axes, and more is further up and right', () => {
  const [first, second, third] = dots(svg(PLOT)) as [[number, number], [number, number], [number, number]];
  expect((third[0] - first[0]) / (second[0] - first[0])).toBeCloseTo(3, 1);
  expect((third[1] - first[1]) / (second[1] - first[1])).toBeCloseTo(3, 1);
  expect(second[0]).toBeGreaterThan(first[0]);
  expect(second[1]).toBeLessThan(first[1]);
});

test('a linear axis starts at 0 and ends at a round number', () => {
  const marks = texts(svg({...PLOT, log: false}));
  expect(marks.slice(1, 7)).toEqual(['0', '2', '4', '6', '8', '10']);
});

test('names are escaped, marks have few digits, and those without points are left out', () => {
  const document = svg(PLOT);
  expect(texts(document)).toEqual([
    'Walk &lt;cold&gt;',
    ...['0.01', '0.1', '1', '10'],
    ...['1k', '10k', '100k', '1M'],
    ...['files', 'seconds', 'one &amp; all', 'other'],
  ]);
  expect(() => svg({...PLOT, series: []})).toThrow('nothing to draw');
});

/** WCAG's contrast of two colours, from 1 to 21. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string): number => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

test('lines and words can be seen on white and on black', () => {
  const series = Array.from({length: 6}, (_, i) => ({name: `${i}`, points: [[1, 5]] as const}));
  const colours = new Set(svg({...PLOT, series}).match(/#[0-9a-f]{6}/g));
  expect(colours.size).toBe(7);
  for (const colour of colours) {
    expect(contrast(colour, '#ffffff'), colour).toBeGreaterThan(3);
    expect(contrast(colour, '#000000'), colour).toBeGreaterThan(3);
  }
});

test('everything lies within the picture, also when all values are the same', () => {
  const same = {
    ...PLOT,
    series: Array.from({length: 6}, (_, i) => ({name: `${i}`, points: [[1, 5]] as const})),
  };
  for (const log of [true, false]) {
    const document = svg({...same, log});
    expect(document).not.toMatch(/NaN|Infinity|undefined/);
    for (const [, y] of document.matchAll(/<text x="[^"]*" y="([^"]*)"/g))
      expect(Number(y)).toBeLessThan(400);
    const names = [...document.matchAll(/y="([\d.]+)" text-anchor="start" style="fill/g)].map(([, y]) =>
      Number(y),
    );
    expect(new Set(names).size).toBe(6);
  }
});

test('curves become plots and tables; of long ones some points are shown, and parts of an earlier run stay', () => {
  const earlier = new Curves('the first run');
  earlier.add('reads', 'kernel ext4', 1, 5);
  earlier.add('mountTime', 'kernel ext4', 1, 5000);
  const curves = new Curves('the second run');
  for (let n = 1; n <= 100; n++) curves.add('mountTime', 'fuseward', n, 250 + n);
  curves.add('mountTime', 'kernel ext4', 1, 7);
  curves.complete(JSON.parse(JSON.stringify(earlier)));
  expect([...curves.plots().keys()]).toEqual(['growth-mount-time.svg', 'growth-reads.svg']);
  expect(
    curves
      .text()
      .split('\n')
      .filter((line) => line !== ''),
  ).toEqual([
    'the second run',
    'the first run',
    '![Time of the Nth mount, to its first stat](growth-mount-time.svg)',
    '| ms, by mounts | 1 | 2 | 5 | 10 | 20 | 50 | 100 |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    '| kernel ext4 | 7.00 | – | – | – | – | – | – |',
    '| fuseward | 251 | 252 | 255 | 260 | 270 | 300 | 350 |',
    '![Random reads of 4 KiB, O_DIRECT, a second](growth-reads.svg)',
    '| reads a second, by clients | 1 |',
    '| --- | ---: |',
    '| kernel ext4 | 5.00 |',
  ]);
});
