import {describe, expect, test} from 'vitest';
import {type CommandDefinition, numberOf, parseCommand, UsageError} from '../../../src/cli/command.js';

const DEFINITION: CommandDefinition = {
  name: 'try',
  summary: 'a command for these tests',
  usage: 'fuseward try FILE',
  help: 'Nothing.',
  options: {
    watch: {type: 'string', standsFor: '1', help: 'watch'},
    type: {type: 'string', short: 't', help: 'type'},
    options: {type: 'string', short: 'o', multiple: true, help: 'options'},
    json: {type: 'boolean', help: 'JSON'},
  },
  positionals: {least: 1, most: 2},
};

describe('arguments of a command', () => {
  const valid: Array<[args: string[], positionals: string[], values: Record<string, unknown>]> = [
    [['file'], ['file'], {}],
    [['file', '--json', 'other'], ['file', 'other'], {json: true}],
    [
      ['-t', 'ext4', 'file', '-o', 'ro', '-o', 'noatime'],
      ['file'],
      {type: 'ext4', options: ['ro', 'noatime']},
    ],
    [['--watch', 'file'], ['file'], {watch: '1'}],
    [['--watch=5', 'file'], ['file'], {watch: '5'}],
    [['--', '--watch'], ['--watch'], {}],
    [['--help'], [], {help: true}],
  ];
  for (const [args, positionals, values] of valid) {
    test(args.join(' '), () => {
      const parsed = parseCommand(DEFINITION, args);
      expect(parsed.positionals).toEqual(positionals);
      expect({...parsed.values}).toEqual(values);
    });
  }

  const invalid: Array<[args: string[], says: string]> = [
    [[], 'an argument is missing'],
    [['a', 'b', 'c'], 'too many arguments: c'],
    [['--nothing', 'a'], "unknown option '--nothing'"],
    [['a', '-t'], "option '-t, --type <value>' argument missing"],
    [['a', '--json=yes'], "option '--json' does not take an argument"],
  ];
  for (const [args, says] of invalid) {
    test(`${args.join(' ') || 'nothing'}: ${says}`, () => {
      expect(() => parseCommand(DEFINITION, args)).toThrow(new UsageError(says));
    });
  }
});

describe('numbers', () => {
  const whole = {least: 1, most: 10, whole: true};
  const part = {least: 0.1, most: 10, whole: false};
  test('inside their bounds', () => {
    expect(numberOf({n: '10'}, 'n', whole)).toBe(10);
    expect(numberOf({n: '0.1'}, 'n', part)).toBe(0.1);
    expect(numberOf({}, 'n', whole)).toBeUndefined();
  });
  for (const text of ['0', '11', '1.5', '', ' 1', '1e0', '0x1', '-1', 'NaN', 'Infinity', '1 ']) {
    test(`"${text}" is none`, () => {
      expect(() => numberOf({n: text}, 'n', whole)).toThrow('--n needs a whole number from 1 to 10');
    });
  }
});
