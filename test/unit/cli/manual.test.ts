import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {ADMIN_SOCKET as LISTENER} from '../../../src/admin/unix-listener.js';
import {EXIT, publicOptions} from '../../../src/cli/command.js';
import {DEFINITIONS} from '../../../src/cli/definitions.js';
import {helpText, overview} from '../../../src/cli/help.js';
import {ADMIN_SOCKET, SOCKET_VARIABLE} from '../../../src/cli/socket-option.js';
import {SORT_KEYS} from '../../../src/cli/top/sorting.js';
import {CHECKOUT} from '../../support/checkout.js';

const PAGE = join(CHECKOUT, 'man/fuseward.8');
const SOURCE = readFileSync(PAGE, 'utf8');
const withoutGroff = existsSync('/usr/bin/groff') ? '' : ' (without groff)';

/** The part of the page about one command: from its own item to that of the next command or section. */
function partOf(name: string): string {
  const names = DEFINITIONS.map((definition) => definition.name).join('|');
  const parts = SOURCE.slice(SOURCE.indexOf('.Sh DESCRIPTION')).split(
    new RegExp(`^(?=\\.It Cm (?:${names}|help)\\b)|^(?=\\.S[hs] )`, 'm'),
  );
  const found = parts.filter((part) => new RegExp(`^\\.It Cm ${name}\\b`).test(part));
  expect(found, `items for ${name}`).toHaveLength(1);
  return found[0]!;
}

/** Long options that a text in mdoc names. */
function optionsIn(text: string): string[] {
  return [...text.matchAll(/\bFl (?:[a-z] , )?-([a-z][a-z-]*)/gi)].map(([, name]) => name!);
}

describe('the manual page', () => {
  for (const definition of DEFINITIONS) {
    const {name} = definition;
    test(`tells of ${name} and of its options, and of no others`, () => {
      const part = partOf(name);
      const known = publicOptions(definition);
      for (const [option, {short}] of known) {
        // This one is told once for all commands.
        if (option === 'socket') continue;
        expect(optionsIn(part)).toContain(option);
        if (short !== undefined) expect(part).toMatch(new RegExp(`Fl ${short} , -${option}\\b`));
      }
      for (const option of optionsIn(part)) expect(known.map(([one]) => one)).toContain(option);
    });
  }

  test('tells of what holds for all commands', () => {
    for (const option of ['socket', 'help', 'version']) expect(optionsIn(SOURCE)).toContain(option);
    expect(SOURCE).toContain(`.Pa ${ADMIN_SOCKET}`);
    expect(SOURCE).toContain(`.It Ev ${SOCKET_VARIABLE}\n`);
    const status = /\.Sh EXIT STATUS(.*?)\.Sh/s.exec(SOURCE)?.[1] ?? '';
    expect([...status.matchAll(/^\.It (\d+)$/gm)].map(([, code]) => Number(code))).toEqual(
      Object.values(EXIT),
    );
  });

  test('and the program look for the manager where it listens', () => {
    expect(ADMIN_SOCKET).toBe(LISTENER);
  });

  test('tells of each key that top sorts by', () => {
    for (const key of Object.keys(SORT_KEYS)) expect(partOf('top')).toMatch(new RegExp(`\\b${key}\\b`));
  });

  test.skipIf(withoutGroff !== '')(`is formatted without a warning${withoutGroff}`, () => {
    const {status, stdout, stderr} = spawnSync('groff', ['-ww', '-mandoc', '-Tutf8', PAGE], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('FUSEWARD');
  });
});

describe('help texts', () => {
  test('the overview lists every command once', () => {
    const lines = overview(DEFINITIONS, 100).split('\n');
    for (const {name, summary} of DEFINITIONS) {
      expect(lines.filter((line) => line.trimStart().startsWith(`${name} `))).toEqual([
        expect.stringContaining(summary),
      ]);
    }
  });

  /** Words, however they are broken into lines. */
  const words = (text: string): string => text.replace(/\s+/g, ' ');
  for (const definition of DEFINITIONS) {
    test(`${definition.name} --help tells of each option, and fits the terminal`, () => {
      for (const columns of [80, 100, 200]) {
        const text = helpText(definition, columns);
        expect(text).toMatch(new RegExp(`^usage: fuseward ${definition.name}( |\n)`));
        expect(words(text)).toContain(words(definition.help));
        for (const [name, {value = '', short, help}] of publicOptions(definition)) {
          expect(text).toMatch(
            new RegExp(`^ {2}${short ? `-${short},` : '   '} --${name}\\b.*${value}`, 'm'),
          );
          expect(words(text)).toContain(help);
        }
        const [, ...lines] = text.split('\n');
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      }
    });
  }
});
