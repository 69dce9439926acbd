import type {CachesView} from '../../manager/model.js';
import {type Command, EXIT, type OptionValues, print, UsageError} from '../command.js';
import {chooseMount, withManager, withSource} from '../mount-source.js';
import {outputWidth} from '../terminal/table.js';
import {json} from '../terminal/text.js';
import {parseSize} from '../terminal/units.js';
import {cacheDefinition} from './options.js';
import {cacheReport} from './report.js';

/** What is to be done to the caches before they are shown. @throws UsageError */
function changeOf(values: OptionValues): 'drop' | number | undefined {
  const limit = values['limit'] as string | undefined;
  if (limit === undefined) return values['drop'] === true ? 'drop' : undefined;
  if (values['drop'] === true) throw new UsageError('--drop and --limit are two commands');
  const bytes = parseSize(limit);
  if (bytes === undefined) {
    throw new UsageError(`--limit needs a size such as 64M or 1048576, not "${limit}"`);
  }
  return bytes;
}

function show(view: CachesView, values: OptionValues): void {
  if (values['json'] === true) print(json(view, 2));
  else for (const line of cacheReport(view, outputWidth())) print(line);
}

export const cacheCommand: Command = {
  definition: cacheDefinition,
  async run([target], values) {
    const change = changeOf(values);
    if (change === undefined) {
      await withSource(values, async (source) => {
        const {id} = chooseMount(await source.mounts(), target!);
        show(await source.caches(id), values);
      });
      return EXIT.done;
    }
    await withManager(values, async (client) => {
      const {id} = chooseMount(await client.mounts(), target!);
      show(change === 'drop' ? await client.dropCaches(id) : await client.limitCache(id, change), values);
    });
    return EXIT.done;
  },
};
