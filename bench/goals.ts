import {isRate, type Line, middleOf, timesBetter} from './report/line.js';

/** What is to be reached in a line. */
export interface Goal {
  /** As it stands in the table. */
  readonly text: string;
  /** Binds this contender only; without, every way fuseward is started. */
  readonly only?: string;
  /** Whether a contender reaches it; undefined when that can't be said because somebody was not measured. */
  met(line: Line, contender: string): boolean | undefined;
}

function compared(
  text: string,
  times: (line: Line, contender: string) => number | undefined,
  least: number,
): Goal {
  return {
    text,
    met: (measured: Line, contender: string) => {
      const reached = times(measured, contender);
      return reached === undefined ? undefined : reached >= least;
    },
  };
}

/** With one decimal at least, so that a factor of 1 shows that it is one. */
function digits(factor: number): string {
  return Number.isInteger(factor) ? factor.toFixed(1) : `${factor}`;
}

/** At most so many times what another takes. */
export function atMost(factor: number, other: string): Goal {
  return compared(
    `≤ ${factor} × ${other}`,
    (line, contender) => timesBetter(line, contender, other),
    1 / factor,
  );
}

/** So many times as good as another, whatever the unit. */
export function atLeast(factor: number, other: string): Goal {
  return compared(
    `≥ ${digits(factor)} × ${other}`,
    (line, contender) => timesBetter(line, contender, other),
    factor,
  );
}

/** So many times as fast as the best of some. */
export function atLeastBestOf(factor: number, text: string, others: readonly string[]): Goal {
  return compared(
    `≥ ${digits(factor)} × ${text}`,
    (line, contender) => {
      const times = others
        .map((other) => timesBetter(line, contender, other))
        .filter((each) => each !== undefined);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    factor,
  );
}

/** A quantity in the line's own unit that is not to be passed. */
export function within(limit: number): Goal {
  return {
    text: `≤ ${limit}`,
    met: (line, contender) => {
      const value = middleOf(line, contender);
      if (value === undefined) return undefined;
      return isRate(line.unit) ? value >= limit : value <= limit;
    },
  };
}

/** The same goal for one contender only. */
export function onlyFor(contender: string, goal: Goal): Goal {
  return {...goal, only: contender, text: `${contender}: ${goal.text}`};
}

/** `yes`, or `no` with what is missed; `–` when nothing can be said. */
export function verdict(goals: readonly Goal[], line: Line, contender: string): string {
  const binding = goals.filter(({only}) => only === undefined || only === contender);
  const answers = binding.map((goal) => goal.met(line, contender));
  const missed = binding.filter((_, i) => answers[i] === false);
  if (missed.length > 0) {
    return binding.length === 1 ? 'no' : `no: ${missed.map(({text}) => text).join(', ')}`;
  }
  return answers.includes(true) ? 'yes' : '–';
}
