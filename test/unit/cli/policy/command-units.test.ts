import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {
  commandUnits,
  hasForeignCommand,
  MARK,
  NoUnitError,
} from '../../../../src/cli/policy/command-units.js';
import {quotedWord, UnitWordError} from '../../../../src/cli/policy/unit-words.js';
import {loadPolicy, type Policy} from '../../../../src/policy/index.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-units-'));
});
afterEach(() => rmSync(directory, {recursive: true}));

function policyOf(server: string, type = 'mine'): Policy {
  writeFileSync(join(directory, `${type}.toml`), `[server]\n${server}\n`);
  return loadPolicy(type, directory);
}

function service(server: string): string {
  return commandUnits('mine', policyOf(server))[1]!.text;
}

/** A word in quotes as systemd reads it (extract_first_word with EXTRACT_UNQUOTE|EXTRACT_CUNESCAPE), specifiers first. */
function unquoted(word: string): string {
  return word.slice(1, -1).replace(/%%|\\(.)/g, (all, escaped: string) => (all === '%%' ? '%' : escaped));
}

describe('words of a unit file', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of systemd
  test.each(['', 'a b', '"', '\\', '\\\\"%', "it's", '$HOME ${X} %n %%', 'é', '\\x41'])(
    '%j comes back',
    (text) => {
      const word = quotedWord(text);
      expect(word).toMatch(/^"(?:[^"\\]|\\["\\])*"$/);
      expect(word.replaceAll('%%', '')).not.toContain('%');
      expect(unquoted(word)).toBe(text);
    },
  );
  test.each(['a\nb', '\0', '\x7f', '\x85', '\ud800'])('%j is refused', (text) => {
    expect(() => quotedWord(text)).toThrow(UnitWordError);
  });
});

describe('units of a command', () => {
  test('the adapter asks for everything that policy says, which is not in the unit', () => {
    const text = service(
      'command = ["sh", "{secret:key}", "{target}"]\nsecrets = {key = "/etc/the key"}\nenvironment = {A = "b"}',
    );
    expect(text).toMatch(/^ExecStart=:"[^"]*node" .* "[^"]*adapter\.js" "unit"$/m);
    expect(text).not.toMatch(/the key|secret|"b"/);
    expect(text.startsWith(MARK)).toBe(true);
  });

  test('limits are what policy says, and there is room for its grants', () => {
    const text = service(`command = ["sh", "{target}"]
grants = ["ro:/srv/a b", "rw:/srv/50%:/in%/it", "ro:/usr/share/doc"]
memory_bytes = 536870912
tasks = 100
cpu_percent = 30`);
    for (const line of ['MemoryMax=536870912', 'LimitNPROC=100', 'TasksMax=100', 'CPUQuota=30%']) {
      expect(text.split('\n')).toContain(line);
    }
    const memory = /^TemporaryFileSystem="\/fuseward:.*$/m.exec(text)?.[0] ?? '';
    expect([...memory.matchAll(/"([^":]*):/g)].map(([, path]) => path)).toEqual([
      '/fuseward',
      '/etc',
      '/srv',
      '/in%%',
    ]);
  });

  test.each([
    ['"none"', true, true],
    ['["example.org:22"]', true, false],
    ['"host"', false, false],
  ])('with network = %s', (network, own, denied) => {
    const text = service(`command = ["sh", "{target}"]\nnetwork = ${network}`);
    expect(/^PrivateNetwork=yes$/m.test(text)).toBe(own);
    expect(/^IPAddressDeny=any$/m.test(text)).toBe(denied);
    expect(/^RestrictAddressFamilies=AF_UNIX$/m.test(text)).toBe(denied);
  });

  test('block devices may be opened where a rule has them, and a user namespace made where it sees itself as root', () => {
    const command = 'command = ["sh", "{target}"]';
    expect(service(command)).not.toMatch(/DeviceAllow=|unshare|capset/);
    expect(service(command)).toMatch(/^RestrictNamespaces=yes$/m);
    expect(
      service(
        `${command}\nas_root = true\n[[allow]]\nusers = ["root"]\nsources = ["**"]\ntargets = ["**"]\nsource_kinds = ["block"]`,
      ),
    ).toMatch(/^ExecStart=:"\/usr\/bin\/unshare" .*^DeviceAllow=block-\* rw$.*^RestrictNamespaces=user$/ms);
  });

  test.each(['server', 'mount', 'a+b'])('no unit has the name of the type %s', (type) => {
    const policy = policyOf('command = ["sh", "{target}"]');
    expect(() => commandUnits(type, policy)).toThrow(NoUnitError);
  });

  test('one that speaks the service protocol has its own unit', () => {
    expect(hasForeignCommand(policyOf('command = ["sh"]').server)).toBe(false);
    expect(hasForeignCommand(policyOf('command = ["sh", "{target}"]').server)).toBe(true);
  });
});
