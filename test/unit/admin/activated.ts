// A daemon of the API alone, for the test of sockets from systemd: tells how it listens, and ends on SIGTERM.
import {createAdmin, listenAdmin} from '../../../src/admin/index.js';
import {takeSockets} from '../../../src/cli/daemon/passed-sockets.js';
import {isCloseOnExec, statFd} from '../../../src/sys/fd.js';
import {collectingLog} from './contract.js';
import {FakeManager} from './fake-manager.js';

const admin = createAdmin(new FakeManager(), {log: collectingLog().log, version: '1'});
try {
  const sockets = takeSockets(process.env);
  const {addresses} = await listenAdmin(admin, {passed: sockets.admin !== undefined});
  const others = {
    mount: sockets.mount?.fd ?? null,
    stored: Object.fromEntries([...sockets.stored].map(([name, {fd}]) => [name, statFd(fd).size.toString()])),
  };
  const left = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
  process.stdout.write(`${JSON.stringify({addresses, left, others, closeOnExec: isCloseOnExec(3)})}\n`);
  process.once('SIGTERM', () => admin.close());
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
