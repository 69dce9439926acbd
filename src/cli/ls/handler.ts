import type {MountView} from '../../manager/model.js';
import {type Command, EXIT, print} from '../command.js';
import {withSource} from '../mount-source.js';
import {statesOf} from '../mount-states.js';
import {type Column, outputWidth, table} from '../terminal/table.js';
import {json, printable} from '../terminal/text.js';
import {lsDefinition} from './options.js';

const COLUMNS: readonly Column[] = [
  {title: 'ID', align: 'right'},
  {title: 'TARGET', flexible: true},
  {title: 'SOURCE', flexible: true},
  {title: 'TYPE', flexible: true},
  {title: 'HEALTH'},
  {title: 'SEAL', align: 'right'},
  {title: 'SERVER', align: 'right'},
  {title: 'SINCE'},
];

function cells(mount: MountView): string[] {
  const {id, target, source, type, health, serverPid, since, seal} = mount;
  return [
    id,
    printable(target),
    printable(source),
    printable(type),
    [health, ...statesOf(mount)].join(', '),
    seal === null ? '-' : `${seal.filter(({state}) => state !== 'missing').length}/${seal.length}`,
    serverPid === null ? '-' : String(serverPid),
    since === null ? '-' : printable(since.replace('T', ' ').replace(/\..*/, 'Z')),
  ];
}

/** The list as a table; `width` columns where it goes to a terminal. */
export function listing(mounts: readonly MountView[], width: number): string[] {
  const sorted = [...mounts].sort((a, b) => (a.target < b.target ? -1 : 1));
  return table(COLUMNS, sorted.map(cells), width);
}

export const lsCommand: Command = {
  definition: lsDefinition,
  async run(_positionals, values) {
    const mounts = await withSource(values, (source) => source.mounts());
    if (values['json'] === true) print(json(mounts, 2));
    else for (const line of listing(mounts, outputWidth())) print(line);
    return EXIT.done;
  },
};
