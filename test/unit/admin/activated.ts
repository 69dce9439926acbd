// A daemon of the API alone, for the test of sockets from systemd: tells how it listens, and ends on SIGTERM.
import {createAdmin, listenAdmin} from '../../../src/admin/index.js';
import {isCloseOnExec} from '../../../src/sys/fd.js';
import {collectingLog} from './contract.js';
import {FakeManager} from './fake-manager.js';

const admin = createAdmin(new FakeManager(), {log: collectingLog().log, version: '1'});
try {
  const {addresses} = await listenAdmin(admin, {}, process.env);
  const left = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
  process.stdout.write(`${JSON.stringify({addresses, left, closeOnExec: isCloseOnExec(3)})}\n`);
  process.once('SIGTERM', () => admin.close());
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
