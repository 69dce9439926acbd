import {constants} from 'node:fs';
import {type CommandPlan, encodeCommandPlan} from '../control/command-plan.js';
import {type ServerPolicy, wayOf} from '../policy/index.js';
import {type OwnedFd, openFd} from '../sys/fd.js';
import {foreignSystemCalls} from '../sys/foreign-calls.js';
import {createMemfd} from '../sys/memfd.js';
import {buildFilter} from '../sys/seccomp.js';
import {type Binding, withAttached} from './binding.js';
import {fitsInto} from './code-range.js';
import type {CommandMount} from './command-mount.js';
import {bindingsFor, commandFor, homeOf, lockOn, mayWrite, planOf} from './command-needs.js';
import {findProgram} from './command-program.js';
import {type CommandView, commandSandbox, isSystemFile} from './command-sandbox.js';
import type {EmbeddedServer} from './embedded-server.js';
import {firstFilter} from './first-filter.js';
import type {InheritedFds} from './inherited-fds.js';
import {PROGRAM, programWords} from './program-file.js';
import {findRuntime, type Runtime} from './runtime.js';
import {runtimeFlags} from './sandbox.js';
import {openSecret} from './secrets.js';
import {startSandbox} from './start-sandbox.js';

/** The words after the sandbox's own, and what they stand on. */
interface Program {
  readonly words: readonly string[];
  readonly sandboxWords: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The adapter, which takes the plan and becomes, or starts, the command. */
function adapterFor(plan: CommandPlan, server: ServerPolicy, runtime: Runtime, fds: InheritedFds): Program {
  const reachable = runtime.nodeReachable;
  const node = reachable
    ? runtime.node
    : `/proc/self/fd/${fds.give(openFd(runtime.node, constants.O_RDONLY))}`;
  return {
    // The limits are the program's own, which may leave V8 no room for code.
    words: [
      node,
      ...runtimeFlags({...server, jitless: server.jitless || !fitsInto(server)}),
      PROGRAM,
      encodeCommandPlan(plan),
    ],
    sandboxWords: [...programWords(runtime, fds), '--seccomp', `${fds.give(firstFilter())}`],
    // bubblewrap's own process is the first.
    environment: {LISTEN_FDS: '1', LISTEN_PID: '2'},
  };
}

function adapterFiles({libraries, data, node, nodeReachable}: Runtime): string[] {
  return [...libraries, ...data, ...(nodeReachable ? [node] : [])];
}

/** A program that speaks the service protocol itself. */
function serviceFor(
  command: readonly string[],
  server: ServerPolicy,
  environment: Readonly<Record<string, string>>,
  fds: InheritedFds,
): Program {
  // The one that the adapter has for the programs that it starts.
  const rules = foreignSystemCalls(server.network, 'errno');
  const filter = buildFilter(rules, {defaultAction: {errno: 'ENOSYS'}});
  const filterWords = [
    '--seccomp',
    `${fds.give(createMemfd('fuseward-filter', Uint8Array.from(filter.bytes)))}`,
  ];
  const variables = Object.entries(environment).flatMap(([name, text]) => ['--setenv', name, text]);
  return {
    words: command,
    sandboxWords: [...variables, ...filterWords],
    environment: {LISTEN_FDS: '1', LISTEN_PID: '1'},
  };
}

/**
 * Starts policy's command for a mount, in a sandbox with what it is granted; places of the network are for its caller to grant.
 * @param gate where the sandbox waits before it starts the command, until it can be read from; closed by the caller
 * @throws MissingProgram, GrantError, Errno (EBUSY: somebody else has the source) or Error; nothing runs then
 */
export function launchCommand(
  type: string,
  server: ServerPolicy,
  mount: CommandMount,
  gate?: OwnedFd,
): EmbeddedServer {
  const {secrets} = server;
  const program = findProgram(server.command?.[0] ?? '');
  const way = wayOf(server.command ?? [], server.way);
  let bindings: readonly Binding[] = [];
  const launched = startSandbox(
    server,
    way === 'service' ? 'foreign' : 'adapted',
    (uid, tools, {info, fds}) => {
      const {command, environment} = commandFor(server, mount, uid);
      const isService = way === 'service';
      const runtime = isService ? undefined : findRuntime('adapter');
      const given = Object.entries(secrets).map(([secret, path]) => ({
        name: secret,
        fd: fds.give(openSecret(path)),
      }));
      const started =
        runtime === undefined
          ? serviceFor(command, server, environment, fds)
          : adapterFor(
              planOf(type, server, mount, {command, environment, secrets: given}),
              server,
              runtime,
              fds,
            );
      // The sandbox's first process holds it until nothing runs in there any more.
      const lock = isService ? undefined : lockOn(mount);
      const lockNumber = lock === undefined ? undefined : fds.give(lock);
      bindings = bindingsFor(type, server, mount, {uid, withSource: !isService});
      return withAttached(bindings, (paths) => {
        const view: CommandView = {
          server,
          uid,
          home: homeOf(server),
          bindings: bindings.map(({place, word}, index) => ({word, path: paths[index]!, place})),
          writes: mayWrite(server, mount),
          surroundings: isService ? undefined : {target: mount.target},
          files: [
            ...(isSystemFile(program) ? [] : [program]),
            ...(runtime === undefined ? [] : adapterFiles(runtime)),
          ],
          asPid1: isService,
          lock: lockNumber,
          gate: gate && fds.lend(gate),
        };
        const words = commandSandbox(tools.bubblewrap, {info, more: started.sandboxWords}, view, fds);
        return tools.start([...words, '--', ...started.words], started.environment);
      });
    },
  );
  launched.onSettled = () => {
    for (const each of bindings) each.settle();
  };
  return launched;
}
