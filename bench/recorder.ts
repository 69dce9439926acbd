import type {Line, Unit} from './report/line.js';

/** Collects what was measured, and holds contenders' checksums against each other. */
export class Recorder {
  readonly lines = new Map<string, Line>();
  readonly #sums = new Map<string, {sum: string; contender: string}>();

  /** A line has its place in the table here, and stays empty where nothing is recorded. */
  expect({line: name, unit}: {line: string; unit: Unit}): Line {
    const line = this.lines.get(name) ?? {name, unit, samples: {}};
    this.lines.set(name, line);
    return line;
  }

  /** @param cpu processor time of client and server, in the unit that `Samples` tells */
  record(
    where: {line: string; unit: Unit},
    contender: string,
    value: number,
    cpu?: {client: number; server: number},
  ): void {
    const line = this.expect(where);
    line.samples[contender] ??= {values: [], clientCpu: [], serverCpu: []};
    const samples = line.samples[contender];
    samples.values.push(value);
    if (cpu === undefined) return;
    samples.clientCpu.push(cpu.client);
    samples.serverCpu.push(cpu.server);
  }

  /** @throws when another contender was told something else by the same work */
  check(work: string, contender: string, sum: string): void {
    const first = this.#sums.get(work) ?? {sum, contender};
    this.#sums.set(work, first);
    if (first.sum !== sum) {
      throw new Error(`${work}: ${contender} gave ${sum}, ${first.contender} ${first.sum}`);
    }
  }
}
