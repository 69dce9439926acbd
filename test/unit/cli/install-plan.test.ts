import {chmodSync, chownSync, existsSync, lstatSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {contents, type Item} from '../../../src/cli/install/contents.js';
import {MANIFEST, type Manifest, readManifest, writeManifest} from '../../../src/cli/install/manifest.js';
import {findNode, findPackage, type PackagePlace} from '../../../src/cli/install/package-place.js';
import {entriesAfter, entriesDuring, planInstall, planRemoval} from '../../../src/cli/install/plan.js';
import {RootTree} from '../../../src/cli/install/root-tree.js';
import {FakeRoot} from '../../support/fake-package.js';

const HELPER = '/usr/local/bin/fuservicemount3';
const UNIT = '/usr/local/lib/systemd/system/try.service';
const POLICY = '/etc/fuseward/policy.d/defaults.toml';
const asRoot = process.getuid?.() === 0 ? '' : ' (not root)';

let fake: FakeRoot;
let tree: RootTree;
beforeEach(() => {
  fake = new FakeRoot();
  tree = new RootTree(fake.root);
});
afterEach(() => fake.remove());

const place = (): PackagePlace => findPackage(fake.root, fake.package);
const items = (node?: string): Item[] => contents(fake.root, place(), node);
const textAt = (path: string, node?: string): string => {
  const what = items(node).find((item) => item.path === path)?.what;
  return what?.kind === 'file' ? what.content.toString() : String(what?.target);
};

/** Installs; gives what the plan had for each path. */
function install(earlier?: Manifest): {verbs: Record<string, string>; manifest: Manifest} {
  const acts = planInstall(tree, items(), earlier);
  for (const {path, item} of acts) {
    for (const directory of tree.missingAbove(path)) tree.makeDirectory(directory);
    if (item?.what.kind === 'file') tree.writeFile(path, item.what.content);
    if (item?.what.kind === 'link') tree.writeLink(path, item.what.target);
  }
  const manifest = {version: '1', directories: [], entries: entriesAfter(acts, earlier)};
  return {verbs: Object.fromEntries(acts.map(({path, verb}) => [path, verb])), manifest};
}

describe('what is put in place', () => {
  test('each thing where its reader looks for it', () => {
    expect(items().map(({path}) => path)).toEqual([
      '/usr/local/lib/sysusers.d/try.conf',
      '/usr/local/lib/tmpfiles.d/try.conf',
      UNIT,
      '/usr/local/lib/systemd/system/try@.service.d/hard.conf.example',
      POLICY,
      '/sbin/mount.fuseward',
      HELPER,
      '/usr/local/share/man/man8/fuseward.8',
      '/usr/local/share/bash-completion/completions/fuseward',
      '/usr/local/share/zsh/site-functions/_fuseward',
    ]);
  });
  test('units and links point to the package, as seen from the root', () => {
    expect(textAt(UNIT)).toBe(`[Service]
ExecStart=/usr/bin/node /opt/fuseward/dist/sandbox/server.js
ExecStop=/opt/fuseward/bin/fuseward /usr/bin/fusewardx /usr/bin/node-gyp -/opt/fuseward /opt/usr/bin/node
`);
    expect(textAt(UNIT, '/opt/node/bin/node')).toContain('ExecStart=/opt/node/bin/node /opt/');
    expect(textAt('/sbin/mount.fuseward')).toBe('/opt/fuseward/bin/mount.fuseward');
  });
  test('the policy file has nothing in force', () => {
    for (const line of textAt(POLICY).split('\n')) expect(line).toMatch(/^(#|$)/);
  });
  test('Node is noted where the start script would not take it by itself', () => {
    const path = '/opt/fuseward/bin/node-path';
    fake.put('opt/node/bin/node', '');
    expect(textAt(path, '/opt/node/bin/node')).toBe('/opt/node/bin/node\n');
    fake.put('usr/bin/node', '');
    expect(textAt(path, '/opt/node/bin/node')).toBe('/opt/node/bin/node\n');
    expect(items('/usr/bin/node').map((item) => item.path)).not.toContain(path);
  });
});

describe('an installation', () => {
  test('is done once: the second finds everything the same', () => {
    const {manifest} = install();
    expect(new Set(Object.values(install(manifest).verbs))).toEqual(new Set(['same']));
    expect(install(manifest).manifest).toEqual(manifest);
  });
  test('replaces what it put there and nobody changed', () => {
    const {manifest} = install();
    fake.put('opt/fuseward/units/try.service', '[Service]\n# newer\n');
    expect(install(manifest).verbs[UNIT]).toBe('replace');
    expect(readFileSync(join(fake.root, UNIT), 'utf8')).toContain('newer');
  });
  test('keeps what was changed, and does not call it its own any more', () => {
    const {manifest} = install();
    writeFileSync(join(fake.root, UNIT), 'changed');
    fake.put('opt/fuseward/units/try.service', '[Service]\n# newer\n');
    const second = install(manifest);
    expect(second.verbs[UNIT]).toBe('keep');
    expect(second.manifest.entries.map(({path}) => path)).not.toContain(UNIT);
    expect(readFileSync(join(fake.root, UNIT), 'utf8')).toBe('changed');
  });
  test("never touches an administrator's policy file", () => {
    fake.put(POLICY, 'loop = "never"\n');
    const {verbs, manifest} = install();
    expect(verbs[POLICY]).toBe('keep');
    expect(manifest.entries.map(({path}) => path)).not.toContain(POLICY);
  });
  test("leaves libfuse's own helper alone", () => {
    fake.put(HELPER, "libfuse's");
    expect(install().verbs[HELPER]).toBe('keep');
    expect(readFileSync(join(fake.root, HELPER), 'utf8')).toBe("libfuse's");
  });
  test("is refused when something of somebody else's is where a unit goes", () => {
    fake.put(UNIT, 'whose?');
    expect(() => install()).toThrow(
      `can't install: ${fake.root}${UNIT} is there already and did not come from "fuseward install"`,
    );
    expect(existsSync(join(fake.root, POLICY))).toBe(false);
  });
  test('removes what the package has no longer', () => {
    const {manifest} = install();
    rmSync(join(fake.package, 'units/try.service'));
    expect(planInstall(tree, items(), manifest)).toContainEqual({verb: 'remove', path: UNIT});
  });
  test('leaves the link that npm made to the same file', () => {
    const page = '/usr/local/share/man/man8/fuseward.8';
    fake.put('usr/local/share/man/man8/other.8', '');
    tree.writeLink(page, '../../../../../opt/fuseward/man/fuseward.8');
    const {verbs, manifest} = install();
    expect(verbs[page]).toBe('same');
    expect(manifest.entries.map(({path}) => path)).not.toContain(page);
    expect(tree.find(page).kind).toBe('link');
  });
  test('what lay there before with the same content is not taken over', () => {
    fake.put(POLICY, readFileSync(join(fake.package, 'packaging/policy.d/defaults.toml'), 'utf8'));
    expect(install().manifest.entries.map(({path}) => path)).not.toContain(POLICY);
  });
});

describe('a removal', () => {
  test('takes exactly what is as it was put there', () => {
    const {manifest} = install();
    writeFileSync(join(fake.root, POLICY), 'loop = "never"\n');
    rmSync(join(fake.root, UNIT));
    const acts = planRemoval(tree, manifest.entries);
    expect(acts.filter(({verb}) => verb === 'keep')).toEqual([
      {verb: 'keep', path: POLICY, reason: 'it was changed since it was put there'},
    ]);
    expect(acts.map(({path}) => path)).not.toContain(UNIT);
    expect(acts.filter(({verb}) => verb === 'remove')).toHaveLength(manifest.entries.length - 2);
  });
  test('a link that leads elsewhere by now stays', () => {
    const {manifest} = install();
    tree.writeLink(HELPER, '/usr/bin/other');
    expect(planRemoval(tree, manifest.entries)).toContainEqual(
      expect.objectContaining({verb: 'keep', path: HELPER}),
    );
    expect(lstatSync(join(fake.root, HELPER)).isSymbolicLink()).toBe(true);
  });
  test('after an installation that ended in the middle takes the older and the newer', () => {
    const {manifest} = install();
    fake.put('opt/fuseward/units/try.service', '[Service]\n# newer\n');
    const after = entriesAfter(planInstall(tree, items(), manifest), manifest);
    const during = entriesDuring(manifest.entries, after);
    expect(planRemoval(tree, during)).toContainEqual({verb: 'remove', path: UNIT});
    install(manifest);
    expect(planRemoval(tree, during)).toContainEqual({verb: 'remove', path: UNIT});
  });
});

describe('the list of what was installed', () => {
  test('is read as it was written', () => {
    tree.makeDirectory('/var');
    tree.makeDirectory('/var/lib');
    tree.makeDirectory('/var/lib/fuseward');
    const {manifest} = install();
    writeManifest(tree, manifest);
    expect(readManifest(tree)).toEqual(manifest);
  });
  const bad: Array<[what: string, text: string]> = [
    ['no JSON', '{'],
    ['something else', '{"version": "1"}'],
    ['a path that climbs', '{"version":"1","directories":[],"entries":[{"path":"/a/../../etc","marks":[]}]}'],
    ['a path from nowhere', '{"version":"1","directories":["etc"],"entries":[]}'],
  ];
  for (const [what, text] of bad) {
    test(`${what} is refused`, () => {
      fake.put(MANIFEST, text);
      expect(() => readManifest(tree)).toThrow(`can't read ${fake.root}${MANIFEST}`);
    });
  }
});

describe('where a package may lie', () => {
  test('seen from the root', () => {
    expect(place()).toEqual({real: fake.package, inRoot: '/opt/fuseward', inside: true});
  });
  test('not where servers can not reach it', () => {
    chmodSync(join(fake.root, 'opt'), 0o700);
    expect(place).toThrow(
      `can't install: servers can't reach fuseward, because ${fake.root}/opt is closed to them (mode 0700)`,
    );
  });
  test('not with a file that they can not read', () => {
    chmodSync(join(fake.package, 'bin/fuseward'), 0o700);
    expect(place).toThrow(`can't install: servers can't read ${fake.package}/bin/fuseward`);
  });
  test.skipIf(asRoot !== '')(`not where somebody else can write${asRoot}`, () => {
    chownSync(join(fake.package, 'node_modules/koffi'), 1000, 1000);
    expect(place).toThrow(
      `can't install: ${fake.package}/node_modules/koffi can be changed by user 1000, to whom it belongs`,
    );
  });
  test('not where services do not see it', () => {
    expect(() => findPackage('/', fake.package)).toThrow(
      `can't install: fuseward lies below ${fake.root.startsWith('/var/') ? '/var/tmp' : '/tmp'}, which services don't see`,
    );
  });
  test('not as a part of another package', () => {
    rmSync(join(fake.package, 'node_modules'), {recursive: true});
    expect(place).toThrow('belongs to another package, which has its modules');
  });
  test('without units it came with a system package', () => {
    rmSync(join(fake.package, 'units'), {recursive: true});
    expect(place).toThrow('has no unit files with it; a system package has put them in place already');
  });
  test('and Node of another system is not spoken of', () => {
    expect(findNode(fake.root)).toBeUndefined();
    const node = fake.put('home/a/node', '');
    expect(() => findNode(fake.root, node)).toThrow("can't install: Node lies below /home");
  });
});
