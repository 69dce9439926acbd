/** A mount helper as a process of its own: mounts with a fake server as its arguments tell, and prints what came of it. */
import {writeSync} from 'node:fs';
import {mount} from '../../src/helper/mount.js';
import type {MountPolicy} from '../../src/helper/mount-policy.js';
import type {MountRequest} from '../../src/helper/mount-request.js';
import {FakeServers} from './helper-support.js';

/** The one argument, as JSON. */
export interface HelperCommand {
  server: string;
  request: MountRequest;
  /** What the server program takes. */
  script: object;
  kind?: 'embedded' | 'socket';
  policy?: Partial<MountPolicy>;
}

const command = JSON.parse(process.argv[2] ?? '') as HelperCommand;
const servers = new FakeServers<object>(command.server);
const deps = servers.deps(command.script, {policy: command.policy ?? {}, kind: command.kind ?? 'embedded'});

function print(values: object): void {
  writeSync(1, `${JSON.stringify(values)}\n`);
}

try {
  const connect = deps.connect.bind(deps);
  const result = await mount(command.request, {
    ...deps,
    connect(type, needs) {
      const connection = connect(type, needs);
      print({serverPid: servers.children[0]?.pid});
      return connection;
    },
  });
  print({result});
} catch (error) {
  const {message, code, errno, exitCode} = error as {
    message: string;
    code?: string;
    errno?: number;
    exitCode?: number;
  };
  print({error: {message, code, errno, exitCode}});
}
process.exit(0);
