import {readdirSync, readFileSync, statSync} from 'node:fs';
import {Type} from 'typebox';
import {Compile} from 'typebox/compile';
import {RUN_DIRECTORY} from '../launch/lock.js';
import type {MountRecord} from '../launch/mount-record.js';

const DIRECTORY = `${RUN_DIRECTORY}/mounts`;
/** A record is a few hundred bytes and holds two paths. */
const LARGEST = 256 * 1024;

const Count = Type.Integer({minimum: 0});
/** Only root writes records, so this finds damage and other versions, not attacks. */
const schema = Compile(
  Type.Object({
    connectionId: Count,
    mountId: Count,
    source: Type.String(),
    sourcePath: Type.Optional(Type.String()),
    sourceInode: Type.Optional(Type.String({pattern: '^\\d{1,20}$'})),
    target: Type.String(),
    type: Type.String(),
    options: Type.Array(Type.String()),
    readOnly: Type.Boolean(),
    loopDevice: Type.Optional(Type.String({pattern: '^/dev/loop[0-9]+$'})),
    members: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String(),
          loopDevice: Type.Optional(Type.String({pattern: '^/dev/loop[0-9]+$'})),
        }),
      ),
    ),
    blockSize: Type.Optional(Count),
    iomap: Type.String(),
    kind: Type.String(),
    firstFilters: Type.Optional(Type.Integer({minimum: 0, maximum: 64})),
    serverPid: Type.Optional(Type.Integer({minimum: 1})),
    serverStart: Type.Optional(Type.String({pattern: '^[0-9]+$'})),
    observer: Type.Optional(
      Type.Object({pid: Type.Integer({minimum: 1}), start: Type.String({pattern: '^[0-9]+$'})}),
    ),
    reported: Type.Optional(Type.Object({landlock: Count, systemCalls: Count})),
    since: Type.String(),
    callerUid: Type.Optional(Count),
    controlSocket: Type.Optional(Type.String()),
    rule: Type.Optional(Type.Object({file: Type.String(), line: Count})),
  }),
);

/** Every record there is, by connection; files that are no records are left out. */
export function readRecords(directory: string = DIRECTORY): Map<number, MountRecord> {
  const records = new Map<number, MountRecord>();
  for (const name of namesIn(directory)) {
    const connection = Number(/^(\d{1,10})\.json$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(connection)) continue;
    const record = parse(`${directory}/${name}`);
    if (record?.connectionId === connection) records.set(connection, record);
  }
  return records;
}

/** A directory's time of change is as coarse as the kernel's clock: a change right after a look may leave it as it was. */
const SETTLED_NS = 100_000_000n;

/** Reads the records again only when one came, went or changed, which is always by a rename or removal in their directory. */
export class RecordReader {
  readonly #directory: string;
  #known: {changed: bigint; records: ReadonlyMap<number, MountRecord>} | undefined;

  constructor(directory: string = DIRECTORY) {
    this.#directory = directory;
  }

  read(): ReadonlyMap<number, MountRecord> {
    const changed = statSync(this.#directory, {bigint: true, throwIfNoEntry: false})?.mtimeNs ?? 0n;
    if (this.#known?.changed === changed) return this.#known.records;
    const records = readRecords(this.#directory);
    const isSettled = BigInt(Date.now()) * 1_000_000n - changed > SETTLED_NS;
    this.#known = isSettled ? {changed, records} : undefined;
    return records;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Nothing was ever mounted here.
    return [];
  }
}

function parse(file: string): MountRecord | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > LARGEST) return undefined;
    const value: unknown = JSON.parse(text);
    return schema.Check(value) ? (value as MountRecord) : undefined;
  } catch {
    return undefined;
  }
}
