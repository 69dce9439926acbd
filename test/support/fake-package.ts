import {cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {CHECKOUT} from './checkout.js';

/** A root directory as of another system, with this package at /opt/fuseward as npm would lay it: the parts that are installed from. */
export class FakeRoot {
  readonly root: string = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-root-')));
  readonly package: string = join(this.root, 'opt/fuseward');

  constructor() {
    this.put('usr/sbin/.keep', '');
    symlinkSync('usr/sbin', join(this.root, 'sbin'));
    mkdirSync(this.package, {recursive: true});
    for (const name of ['bin', 'man', 'completions', 'packaging/policy.d']) {
      cpSync(join(CHECKOUT, name), join(this.package, name), {recursive: true});
    }
    rmSync(join(this.package, 'bin/node-path'), {force: true});
    this.put('opt/fuseward/bin/mount.fuseward', '#!/bin/sh\n');
    this.put('opt/fuseward/bin/fuservicemount3', '#!/bin/sh\n');
    this.put('opt/fuseward/units/README.md', 'not a unit\n');
    this.put(
      'opt/fuseward/units/try.service',
      `[Service]
ExecStart=/usr/bin/node /usr/lib/fuseward/dist/sandbox/server.js
ExecStop=/usr/bin/fuseward /usr/bin/fusewardx /usr/bin/node-gyp -/usr/lib/fuseward /opt/usr/bin/node
`,
    );
    this.put('opt/fuseward/units/try@.service.d/hard.conf.example', '[Service]\n');
    this.put('opt/fuseward/units/sysusers.d/try.conf', 'g fuseward -\n');
    this.put('opt/fuseward/units/tmpfiles.d/try.conf', 'd /run/fuseward\n');
    this.put('opt/fuseward/node_modules/koffi/index.js', '');
  }

  /** Writes a file of the root, with the directories above it. */
  put(path: string, content: string): string {
    const place = join(this.root, path);
    mkdirSync(dirname(place), {recursive: true});
    writeFileSync(place, content);
    return place;
  }

  remove(): void {
    rmSync(this.root, {recursive: true});
  }
}
