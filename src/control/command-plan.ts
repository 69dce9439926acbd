/**
 * How a FUSE program that knows nothing of the service protocol is to be run: what the launcher tells the adapter, as the one argument
 * of its command line. Both ends import this; like `messages.ts` it is free of a validator, since it goes into the sandbox.
 */

/** How the program comes by its FUSE descriptor. */
export const COMMAND_WAYS = ['auto', 'descriptor', 'fusermount', 'mount'] as const;
export type CommandWay = (typeof COMMAND_WAYS)[number];

/** Where the program finds its source. */
export type CommandSource =
  /** Asked of the mount helper; `{source}` becomes `/dev/fd/N`. */
  | {readonly kind: 'served'}
  /** Lies in the sandbox at this path already. */
  | {readonly kind: 'bound'; readonly path: string}
  /** No file of this machine (`user@host:dir`): handed on as text. */
  | {readonly kind: 'name'; readonly text: string};

/** A secret as an open descriptor: `{secret:NAME}` in the command becomes `/dev/fd/N`. */
export interface CommandSecret {
  readonly name: string;
  readonly fd: number;
}

/** Network that is left to the program: `host:port` of each peer in a list. */
export type CommandNetwork = 'none' | 'host' | readonly string[];

export interface CommandPlan {
  /** Subtype for the mount table, `squashfs`. */
  readonly type: string;
  /** An absolute path, then arguments, with the placeholders still in them. */
  readonly command: readonly string[];
  readonly way: CommandWay;
  readonly source: CommandSource;
  /** The mount point as the program is told of it, an existing place in the sandbox, where the way needs a path. */
  readonly target: string;
  /** All of the program's environment. PATH is what the program's own calls are looked for in. */
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly CommandSecret[];
  readonly network: CommandNetwork;
}

/** A plan against the rules: the key it is about and why. */
export class CommandPlanError extends Error {
  readonly key: string;

  constructor(key: string, reason: string) {
    super(`command plan: ${key} ${reason}`);
    this.name = 'CommandPlanError';
    this.key = key;
  }
}

/** Bytes of a plan as JSON at most: one argument of execve(2) has at most 128 KiB (MAX_ARG_STRLEN). */
export const LARGEST_PLAN = 131_071;
const MOST_WORDS = 256;
const MOST_VARIABLES = 256;
const MOST_SECRETS = 16;
const MOST_PEERS = 64;
/** 0 to 2 are the program's own, 3 is the conversation. */
const FIRST_SECRET = 4;
const MOST_DESCRIPTORS = 1024;

const SUBTYPE = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const SECRET = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
/** A name, an IPv4 address or an IPv6 address in brackets, and a port. */
const PEER = /^(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})$/;
/** What looks like a placeholder: only words that mean something may. */
const PLACEHOLDER = /\{([a-z]+)(?::([^{}]*))?\}/g;

/** The plan as the adapter's argument. @throws CommandPlanError also for one that is too large */
export function encodeCommandPlan(plan: CommandPlan): string {
  const text = JSON.stringify(checkPlan(plan));
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > LARGEST_PLAN)
    throw new CommandPlanError('command', `and the rest have ${bytes} bytes, ${LARGEST_PLAN} fit`);
  return text;
}

/** The adapter's argument as a plan, every field checked. @throws CommandPlanError */
export function parseCommandPlan(text: string): CommandPlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CommandPlanError('text', 'is not JSON');
  }
  return checkPlan(value);
}

/** The port of a peer in `network`. */
export function portOf(peer: string): number {
  return Number(PEER.exec(peer)?.[1]);
}

type Fields = Readonly<Record<string, unknown>>;

function checkPlan(value: unknown): CommandPlan {
  const plan = fields('plan', value, [
    'type',
    'command',
    'way',
    'source',
    'target',
    'environment',
    'secrets',
    'network',
  ]);
  const type = text('type', plan['type']);
  if (!SUBTYPE.test(type) || type.includes('..'))
    throw new CommandPlanError('type', 'is no file system type');
  const way = COMMAND_WAYS.find((each) => each === plan['way']);
  if (way === undefined) throw new CommandPlanError('way', `must be one of ${COMMAND_WAYS.join(', ')}`);
  const secrets = list('secrets', plan['secrets'], MOST_SECRETS).map(checkSecret);
  unique(
    'secrets',
    secrets.map(({name}) => name),
  );
  unique(
    'secrets',
    secrets.map(({fd}) => fd),
  );
  const command = list('command', plan['command'], MOST_WORDS).map((word) => text('command', word));
  path('command', command[0]);
  checkPlaceholders(command, new Set(secrets.map(({name}) => name)));
  return {
    type,
    command,
    way,
    source: checkSource(plan['source']),
    target: path('target', plan['target']),
    environment: checkEnvironment(plan['environment']),
    secrets,
    network: checkNetwork(plan['network']),
  };
}

function checkSource(value: unknown): CommandSource {
  const kind = typeof value === 'object' && value !== null ? (value as Fields)['kind'] : undefined;
  switch (kind) {
    case 'served':
      fields('source', value, ['kind']);
      return {kind};
    case 'bound':
      return {kind, path: path('source', fields('source', value, ['kind', 'path'])['path'])};
    case 'name': {
      const name = text('source', fields('source', value, ['kind', 'text'])['text']);
      if (name === '') throw new CommandPlanError('source', 'has no name');
      return {kind, text: name};
    }
    default:
      throw new CommandPlanError('source', 'must be served, bound or name');
  }
}

function checkSecret(value: unknown): CommandSecret {
  const {name, fd} = fields('secrets', value, ['name', 'fd']);
  if (typeof name !== 'string' || !SECRET.test(name))
    throw new CommandPlanError('secrets', 'have a name each');
  if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < FIRST_SECRET || fd >= MOST_DESCRIPTORS)
    throw new CommandPlanError('secrets', `are descriptors from ${FIRST_SECRET} to ${MOST_DESCRIPTORS - 1}`);
  return {name, fd};
}

function checkEnvironment(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CommandPlanError('environment', 'must be an object');
  const entries = Object.entries(value);
  if (entries.length > MOST_VARIABLES)
    throw new CommandPlanError('environment', `has more than ${MOST_VARIABLES} variables`);
  const checked = entries.map(([name, content]): [string, string] => {
    if (!VARIABLE.test(name))
      throw new CommandPlanError('environment', 'has a name that no variable can have');
    return [name, text('environment', content)];
  });
  return Object.fromEntries(checked);
}

function checkNetwork(value: unknown): CommandNetwork {
  if (value === 'none' || value === 'host') return value;
  return list('network', value, MOST_PEERS).map((peer) => {
    const port = typeof peer === 'string' ? portOf(peer) : Number.NaN;
    if (!(port >= 1 && port <= 65_535)) throw new CommandPlanError('network', 'lists peers as host:port');
    return peer as string;
  });
}

function checkPlaceholders(command: readonly string[], secrets: ReadonlySet<string>): void {
  if ((command[0] ?? '').search(PLACEHOLDER) !== -1)
    throw new CommandPlanError('command', 'must name its program itself');
  for (const word of command) {
    for (const [all, name, argument] of word.matchAll(PLACEHOLDER)) {
      const plain = argument === undefined && ['source', 'target', 'type', 'options'].includes(name!);
      if (plain || (name === 'secret' && argument !== undefined && secrets.has(argument))) continue;
      throw new CommandPlanError('command', `has ${all}, which stands for nothing`);
    }
  }
}

/** An object with exactly these keys. */
function fields(key: string, value: unknown, names: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CommandPlanError(key, 'must be an object');
  const strange = Object.keys(value).find((name) => !names.includes(name));
  if (strange !== undefined)
    throw new CommandPlanError(key, `has a key ${JSON.stringify(strange.slice(0, 40))} that nobody knows`);
  return value as Fields;
}

function list(key: string, value: unknown, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new CommandPlanError(key, 'must be a list');
  if (value.length > most) throw new CommandPlanError(key, `has more than ${most} items`);
  return value;
}

/** Text that fits an argument of execve(2). */
function text(key: string, value: unknown): string {
  if (typeof value !== 'string') throw new CommandPlanError(key, 'must be text');
  if (value.includes('\0')) throw new CommandPlanError(key, 'must not hold a NUL');
  return value;
}

function path(key: string, value: unknown): string {
  const name = text(key, value ?? '');
  if (!name.startsWith('/')) throw new CommandPlanError(key, 'must begin with an absolute path');
  return name;
}

function unique(key: string, values: readonly unknown[]): void {
  if (new Set(values).size !== values.length) throw new CommandPlanError(key, 'must all differ');
}
