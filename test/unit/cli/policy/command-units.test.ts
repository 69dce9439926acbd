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
import {quotedWord, restOfLine, UnitWordError} from '../../../../src/cli/policy/unit-words.js';
import {parseCommandPlan} from '../../../../src/control/command-plan.js';
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
  test.each([' a', 'a ', 'a\\'])('%j can not be the rest of a line', (text) => {
    expect(() => restOfLine(text)).toThrow(UnitWordError);
  });
});

describe('units of a command', () => {
  test('the adapter gets the plan of the policy', () => {
    const text = service(
      `command = ["sh", '"%n" $X \\', "{source}", "{target}"]\nway = "fusermount"\nenvironment = {A = "%h\\"$"}`,
    );
    const plan = /^ExecStart=:.* ("\{.*\}")$/m.exec(text)?.[1];
    expect(parseCommandPlan(unquoted(plan!))).toMatchObject({
      type: 'mine',
      command: ['/usr/bin/sh', '"%n" $X \\', '{source}', '{target}'],
      way: 'fusermount',
      source: {kind: 'served'},
      environment: {A: '%h"$'},
      network: 'none',
    });
    expect(text).toMatch(/^PrivateNetwork=yes$/m);
    expect(text.startsWith(MARK)).toBe(true);
  });

  test('limits, grants, secrets and the network are what policy says', () => {
    const text = service(`command = ["sh", "{secret:key}", "{target}"]
grants = ["ro:/srv/a b", "rw:/srv/50%:/in"]
secrets = {key = "/etc/the key%"}
network = "host"
memory_bytes = 536870912
tasks = 100
cpu_percent = 30`);
    const lines = text.split('\n');
    for (const line of [
      'BindReadOnlyPaths="/srv/a b"',
      'BindPaths="/srv/50%%":"/in"',
      'LoadCredential=key:/etc/the key%%',
      'MemoryMax=536870912',
      'LimitNPROC=100',
      'TasksMax=100',
      'CPUQuota=30%',
      'LimitFSIZE=infinity',
    ]) {
      expect(lines).toContain(line);
    }
    expect(text).not.toMatch(/^(?:PrivateNetwork|IPAddressDeny)/m);
  });

  test.each([
    ['server.network', 'command = ["sh", "{target}"]\nnetwork = ["example.org:22"]'],
    ['server.state', 'command = ["sh", "{target}"]\nstate = true'],
    ['server.as_root', 'command = ["sh", "{target}"]\nas_root = true'],
    ['server.observe', 'command = ["sh", "{target}"]\nobserve = true'],
    ['server.command', 'command = ["sh", "{uid}", "{target}"]'],
  ])('%s that no unit can keep to is refused', (key, server) => {
    const policy = policyOf(server);
    expect(() => commandUnits('mine', policy)).toThrow(expect.objectContaining({key}));
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
