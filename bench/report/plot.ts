/** A line of a plot. Points are in the order of x; none of their values is below 0, or is 0 on a logarithmic axis. */
export interface Series {
  readonly name: string;
  readonly points: ReadonlyArray<readonly [x: number, y: number]>;
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** The y axis is logarithmic; else it starts at 0. The x axis always is. */
  readonly log: boolean;
  readonly series: readonly Series[];
}

const WIDTH = 720;
const HEIGHT = 400;
const LEFT = 72;
const RIGHT = 176;
const TOP = 40;
const BOTTOM = 48;
/** Distance of names beside the ends of their lines. */
const NAME_HEIGHT = 15;
/** Told apart by people who see no red or no green, too, and readable on white as on black. */
const COLOURS = ['#7f7f7f', '#c8741f', '#2f7fd1', '#1a9e77', '#c2509b', '#8f7a17'];
const DASHES = ['', '6 3', '', '2 3', '8 3 2 3', '1 4'];

/** One axis: where a value lies on it, from 0 to 1, and which values are marked. */
interface Axis {
  at(value: number): number;
  readonly ticks: readonly number[];
}

/** A power of ten and its double and five-fold, from the largest not above `low` to the first not below `high`. */
function logAxis(low: number, high: number): Axis {
  const steps: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    steps.push(...[1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  }
  const first = steps.filter((step) => step <= low).pop() ?? low;
  const last = steps.find((step) => step >= high && step > first) ?? high;
  const within = steps.filter((step) => step >= first && step <= last);
  const tens = within.filter((step) => /^1e/.test(step.toExponential()));
  const [from, to] = [Math.log10(first), Math.log10(last)];
  return {
    at: (value) => (Math.log10(value) - from) / (to - from),
    ticks: within.length > 8 && tens.length > 1 ? tens : within,
  };
}

function linearAxis(high: number): Axis {
  const rough = high / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((digit) => digit * power >= rough) ?? 10);
  const count = Math.max(1, Math.ceil(high / step));
  return {
    at: (value) => value / (step * count),
    ticks: Array.from({length: count + 1}, (_, i) => i * step),
  };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function tickText(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return `${Number(value.toPrecision(3))}`;
}

/** Names beside the ends of lines are moved apart, down and where there is no more room up again; they keep their order. */
function spread(wanted: readonly number[], lowest: number): number[] {
  const order = wanted.map((y, i) => ({y, i})).sort((a, b) => a.y - b.y);
  const places: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (const {y, i} of order) {
    const place = Math.max(y, least);
    places[i] = place;
    least = place + NAME_HEIGHT;
  }
  let most = lowest;
  for (const {i} of order.reverse()) {
    places[i] = Math.min(places[i]!, most);
    most = places[i] - NAME_HEIGHT;
  }
  return places;
}

/** A plot as an SVG document that is readable on light and on dark ground. Series without points are left out. */
export function svg({title, x, y, log, series}: Plot): string {
  const drawn = series.filter(({points}) => points.length > 0);
  const points = drawn.flatMap((each) => each.points);
  if (points.length === 0) throw new Error(`${title}: there is nothing to draw`);
  const xs = points.map(([value]) => value);
  const ys = points.map(([, value]) => value);
  const xAxis = logAxis(Math.min(...xs), Math.max(...xs));
  const yAxis = log ? logAxis(Math.min(...ys), Math.max(...ys)) : linearAxis(Math.max(...ys));
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const place = (value: number): string => value.toFixed(1);
  const xOf = (value: number): number => LEFT + xAxis.at(value) * (right - LEFT);
  const yOf = (value: number): number => bottom - yAxis.at(value) * (bottom - TOP);
  const text = (at: [number, number], anchor: string, content: string, more = ''): string =>
    `<text x="${place(at[0])}" y="${place(at[1])}" text-anchor="${anchor}"${more}>${escaped(content)}</text>`;
  const grid = [
    ...yAxis.ticks.map((tick) => ({path: `M${LEFT} ${place(yOf(tick))}H${right}`, tick, at: yOf(tick)})),
  ].flatMap(({path, tick, at}) => [
    `<path class="grid" d="${path}"/>`,
    text([LEFT - 8, at + 4], 'end', tickText(tick)),
  ]);
  const marks = [...new Set(xAxis.ticks)].flatMap((tick) => [
    `<path class="grid" d="M${place(xOf(tick))} ${TOP}V${bottom}"/>`,
    text([xOf(tick), bottom + 18], 'middle', tickText(tick)),
  ]);
  const ends = spread(
    drawn.map((each) => yOf(each.points.at(-1)![1])),
    bottom,
  );
  const lines = drawn.flatMap(({name, points: own}, i) => {
    const slot = series.findIndex((each) => each.name === name) % COLOURS.length;
    const colour = COLOURS[slot]!;
    const path = own.map(([px, py]) => `${place(xOf(px))} ${place(yOf(py))}`).join('L');
    const dots =
      own.length > 20
        ? []
        : own.map(
            ([px, py]) => `<circle cx="${place(xOf(px))}" cy="${place(yOf(py))}" r="3" fill="${colour}"/>`,
          );
    const [lastX, lastY] = own.at(-1)!;
    return [
      `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${DASHES[slot]}"/>`,
      ...dots,
      `<path d="M${place(xOf(lastX) + 4)} ${place(yOf(lastY))}L${right + 10} ${place(ends[i]!)}" stroke="${colour}" stroke-width="0.7"/>`,
      text([right + 14, ends[i]! + 4], 'start', name, ` style="fill:${colour}"`),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escaped(title)}</title>`,
    // Whether the ground is light or dark depends on the page, which a picture is not told.
    '<style>text{font:12px sans-serif;fill:#767676}.grid{stroke:#888;stroke-opacity:.3}</style>',
    text([LEFT, 22], 'start', title, ' style="font-weight:bold"'),
    ...grid,
    ...marks,
    text([(LEFT + right) / 2, HEIGHT - 8], 'middle', x),
    `<g transform="translate(16 ${place((TOP + bottom) / 2)}) rotate(-90)">${text([0, 0], 'middle', y)}</g>`,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}
