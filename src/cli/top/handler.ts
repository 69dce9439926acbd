import {UnreachableError} from '../admin-client.js';
import {type Command, EXIT, numberOf, type OptionValues, print, UsageError} from '../command.js';
import {type MountSource, withSource} from '../mount-source.js';
import {canDraw, pause, showLive} from '../terminal/live.js';
import {VERSION} from '../version.js';
import {topDefinition} from './options.js';
import {picture, plainLine, plainTitles} from './picture.js';
import {look, type Row, rowsBetween, type Sample} from './rows.js';
import {isSortKey, type SortKey, sortKeyOf, sortRows} from './sorting.js';

/** How soon after the start there is something to show. */
const FIRST_LOOK_MS = 250;

async function showOnScreen(source: MountSource, sort: SortKey, intervalMs: number): Promise<void> {
  let by = sort;
  let last: Sample | undefined;
  let rows: Row[] = [];
  let trouble = '';
  await showLive({
    intervalMs,
    async sample() {
      try {
        if (last === undefined) {
          last = await look(source);
          await pause(Math.min(FIRST_LOOK_MS, intervalMs));
        }
        const now = await look(source);
        rows = rowsBetween(last, now);
        last = now;
        trouble = '';
      } catch (error) {
        // The manager may come back; until then the last picture stays, and says so.
        if (!(error instanceof UnreachableError)) throw error;
        trouble = `${error.reason}; trying again`;
      }
    },
    draw(size) {
      const unhealthy = rows.filter(({healthy}) => !healthy).length;
      const counts = `${rows.length} mounts${unhealthy === 0 ? '' : `, ${unhealthy} unhealthy`}`;
      const teller = source.managed ? '' : ', told by the kernel';
      const heading = {
        left: trouble || `fuseward ${VERSION}: ${counts}${teller}`,
        right: new Date().toTimeString().slice(0, 8),
      };
      return picture(sortRows(rows, by), {heading, sort: by, size});
    },
    key(key) {
      by = sortKeyOf(key) ?? by;
    },
  });
}

async function printLines(
  source: MountSource,
  {sort, intervalMs, count}: {sort: SortKey; intervalMs: number; count: number},
): Promise<void> {
  let last = await look(source);
  print(plainTitles());
  for (let printed = 0; printed < count; printed++) {
    await pause(intervalMs);
    const now = await look(source);
    const time = `${new Date().toISOString().slice(0, 19)}Z`;
    for (const row of sortRows(rowsBetween(last, now), sort)) print(plainLine(time, row));
    last = now;
  }
}

function sortOf(values: OptionValues): SortKey {
  const text = (values['sort'] as string | undefined) ?? 'ops';
  if (!isSortKey(text)) throw new UsageError(`--sort does not know "${text}"`);
  return text;
}

export const topCommand: Command = {
  definition: topDefinition,
  async run(_positionals, values) {
    const sort = sortOf(values);
    const intervalMs = 1000 * (numberOf(values, 'interval', {least: 0.1, most: 86_400, whole: false}) ?? 1);
    const count = numberOf(values, 'count', {least: 1, most: Number.MAX_SAFE_INTEGER, whole: true});
    const once = values['once'] === true;
    if (once && count !== undefined) throw new UsageError('--once and --count are two commands');
    await withSource(values, async (source) => {
      if (once || count !== undefined || !canDraw()) {
        const times = once ? 1 : (count ?? Number.POSITIVE_INFINITY);
        await printLines(source, {sort, intervalMs, count: times});
      } else {
        await showOnScreen(source, sort, intervalMs);
      }
    });
    return EXIT.done;
  },
};
