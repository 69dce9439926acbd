import type {MountStats} from '../../manager/model.js';
import {type Command, EXIT, numberOf, print} from '../command.js';
import {chooseMount, type MountSource, withSource} from '../mount-source.js';
import {canDraw, pause, showLive} from '../terminal/live.js';
import {style} from '../terminal/screen.js';
import {outputWidth} from '../terminal/table.js';
import {json, printable} from '../terminal/text.js';
import {formatSeconds} from '../terminal/units.js';
import {statsBetween} from './difference.js';
import {statsDefinition} from './options.js';
import {statsReport} from './report.js';

/** Shows what comes, in place, until somebody quits. */
async function watchOnScreen(
  source: MountSource,
  mount: {id: string; target: string},
  seconds: number,
): Promise<void> {
  let last: MountStats | undefined;
  let lines: (width: number) => string[] = () => [];
  await showLive({
    intervalMs: 1000 * seconds,
    async sample() {
      const now = await source.stats(mount.id);
      const shown = last === undefined ? now : statsBetween(last, now);
      const when = last === undefined ? 'since it was mounted' : `in the last ${formatSeconds(seconds)}`;
      const title = ` ${printable(mount.target)}: requests ${when}   (q quits)`;
      lines = (width) => [style('inverse', title.padEnd(width), width), '', ...statsReport(shown, width)];
      last = now;
    },
    draw: ({columns}) => lines(columns),
  });
}

/** Prints what comes, table after table, until the reader goes away or a signal ends the program. */
async function watchInLines(
  source: MountSource,
  id: string,
  seconds: number,
  asJson: boolean,
): Promise<never> {
  let before: MountStats | undefined;
  for (;;) {
    const now = await source.stats(id);
    const shown = before === undefined ? now : statsBetween(before, now);
    if (asJson) print(json(shown));
    else print(`${new Date().toISOString()}\n${statsReport(shown, outputWidth()).join('\n')}\n`);
    before = now;
    await pause(1000 * seconds);
  }
}

export const statsCommand: Command = {
  definition: statsDefinition,
  async run([target], values) {
    const seconds = numberOf(values, 'watch', {least: 0.1, most: 86_400, whole: false});
    const asJson = values['json'] === true;
    await withSource(values, async (source) => {
      const mount = chooseMount(await source.mounts(), target!);
      if (seconds !== undefined) {
        if (asJson || !canDraw()) await watchInLines(source, mount.id, seconds, asJson);
        await watchOnScreen(source, mount, seconds);
        return;
      }
      const stats = await source.stats(mount.id);
      if (asJson) print(json(stats, 2));
      else for (const line of statsReport(stats, outputWidth())) print(line);
    });
    return EXIT.done;
  },
};
