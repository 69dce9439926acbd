import {parseArgs} from 'node:util';
import {fuzzMounts} from './run.js';

/**
 * `main [--images N] [--seed S] [--first N] [--jobs N] [--json]`: damaged images through real mounts. A signal to end lets the cases
 * at hand come to their end and tells what was found so far.
 */
const {values} = parseArgs({
  options: {
    images: {type: 'string', default: '10000'},
    seed: {type: 'string', default: '1'},
    first: {type: 'string', default: '0'},
    jobs: {type: 'string', default: '2'},
    json: {type: 'boolean', default: false},
  },
});
const EVERY = 500;
const images = Number(values.images);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const result = await fuzzMounts({
  images,
  seed: Number(values.seed),
  first: Number(values.first),
  jobs: Number(values.jobs),
  stop: stop.signal,
  onCase: (each, done) => {
    if (values.json) return;
    for (const finding of each.findings)
      console.log(`FAILED case ${each.n} (${each.description}): ${finding}`);
    if (done % EVERY === 0) console.log(`${done} of ${images} images`);
  },
});
if (values.json) console.log(JSON.stringify(result));
else {
  const {slowest, sentinel} = result;
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const list = (counts: Record<string, number>): string =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  console.log(
    `images            ${result.images} in ${Math.round(result.seconds)} s, ${values.jobs} at a time`,
  );
  console.log(
    `mounted           ${result.mounted}, turned down ${result.refused} in ${Object.keys(result.refusals).length} ways`,
  );
  console.log(
    `operations        ${result.operations}, of which ${result.failedOperations} failed: ${list(result.codes)}`,
  );
  console.log(`slowest           ${slowest.ms} ms (${slowest.kind}, case ${slowest.n})`);
  console.log(
    `most memory       ${mib(result.mostMemory)} resident of ${mib(result.memoryLimit)} in a server`,
  );
  console.log(`the healthy mount ${sentinel.rounds} rounds, slowest operation ${sentinel.slowestMs} ms`);
  console.log(`findings          ${result.findings.length}`);
  for (const finding of result.findings) console.log(`FAILED ${finding}`);
}
process.exitCode = result.findings.length > 0 ? 1 : 0;
