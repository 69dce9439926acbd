import {existsSync} from 'node:fs';
import {subtypeOf} from '../../helper/fs-type.js';
import {EarlyServer} from '../../launch/early-server.js';
import {startsOwn, UNNAMED} from '../../launch/own-types.js';
import {loadPolicy} from '../../policy/load.js';
import type {ServerPolicy} from '../../policy/policy.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {type CommandDefinition, type OptionValues, parseCommand} from '../command.js';
import {mountFusewardDefinition} from '../mount-fuseward/options.js';
import {typeOf} from '../mount-fuseward/type.js';
import {needsAnother} from './hanging-places.js';
import {mountDefinition} from './options.js';
import {policyFiles} from './policy-place.js';

/** The commands that begin so, and what each calls the type. */
const COMMANDS: Readonly<
  Record<string, {definition: CommandDefinition; type: (values: OptionValues) => string | undefined}>
> = {
  mount: {definition: mountDefinition, type: ({type}) => type as string | undefined},
  'mount.fuseward': {
    definition: mountFusewardDefinition,
    type: ({type}) => typeOf(type as string | undefined),
  },
};

let begun: EarlyServer | undefined;

/**
 * What a mount command does before its own code is there: starts the server that it will need, which takes longer to start than all that
 * the command has to do first. It is for root, who is rarely denied; others come through a manager. Where nothing can be mounted none is started, and whatever
 * is wrong is the command's to tell, which finds it again.
 * @param words of the command line, with the command's name
 */
export function beginMount([name = '', ...words]: readonly string[]): void {
  if (!Object.hasOwn(COMMANDS, name) || process.getuid?.() !== 0 || process.geteuid?.() !== 0) return;
  const {definition, type} = COMMANDS[name]!;
  try {
    const {positionals, values} = parseCommand(definition, [...words]);
    const [source, target] = positionals;
    if (source === undefined || target === undefined) return;
    if (values['help'] === true || values['fake'] === true) return;
    // None of ours may get into what is started.
    keepInheritedFds();
    if (needsAnother({source, target})) return;
    const place = {
      policyDirectory: values['policy'] as string | undefined,
      heldPolicy: values['held-policy'] as string | undefined,
    };
    const kind = serverTypeOf(type(values));
    begun = startFor(
      {source, target},
      kind,
      loadPolicy(kind === UNNAMED ? undefined : kind, policyFiles(place)).server,
    );
  } catch {
    // The command meets it again.
  }
}

/**
 * Starts a server for a mount that has not been looked at; undefined where it needs none of our own.
 * @param kind type that the server is asked for
 */
export function startFor(
  {source, target}: {readonly source: string; readonly target: string},
  kind: string,
  server: ServerPolicy,
): EarlyServer | undefined {
  if (!startsOwn(kind, server)) return undefined;
  return existsSync(source) && existsSync(target) ? EarlyServer.start(kind, server) : undefined;
}

/** The type of server for a type that a mount names, as `fuse.ext4`, or does not. @throws MountError `bad-type` */
export function serverTypeOf(type: string | undefined): string {
  return type === undefined || type === UNNAMED ? UNNAMED : subtypeOf(type);
}

/** What was begun, once. */
export function takeBegun(): EarlyServer | undefined {
  const server = begun;
  begun = undefined;
  return server;
}
