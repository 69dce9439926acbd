import type {Contender} from '../contenders/contender.js';
import {type BenchSize, benchImage} from '../image.js';
import {warm} from '../machine/caches.js';
import {pause} from '../machine/stop.js';
import {withMount} from '../measure.js';
import {type Operation, work} from '../native/client.js';
import type {Curves} from './curves.js';

/** Calls of all clients together, in one measurement. */
const CALLS = 20_000;
/** Calls before the first one that counts: V8 compiles what it will compile. */
const WARM_UP = 5000;

/** What so many clients get a second, all together: answers to questions that reach the server, and random reads past the page cache. */
export async function growClients(
  contenders: readonly Contender[],
  clients: readonly number[],
  size: BenchSize,
  into: Curves,
): Promise<void> {
  const image = benchImage(size);
  warm(image);
  for (const contender of contenders) {
    withMount(contender, image, ({target}) => {
      for (const [curve, operation] of [
        ['questions', 'stat-forced'],
        ['reads', 'random'],
      ] as const satisfies ReadonlyArray<readonly [string, Operation]>) {
        work(target, {operation, count: WARM_UP, jobs: 1});
        for (const jobs of clients) {
          const {ns, count} = work(target, {operation, count: Math.ceil(CALLS / jobs), jobs});
          into.add(curve, contender.name, jobs, (count * 1e9) / ns);
        }
      }
    });
    await pause();
    console.error(`clients of ${contender.name} done`);
  }
}
