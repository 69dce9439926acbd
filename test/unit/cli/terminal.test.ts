import {describe, expect, test} from 'vitest';
import {table} from '../../../src/cli/terminal/table.js';
import {cut, harmless, json, pad, printable, shorten, textWidth} from '../../../src/cli/terminal/text.js';
import {
  formatBytes,
  formatCount,
  formatSeconds,
  formatShare,
  parseSize,
} from '../../../src/cli/terminal/units.js';

describe('foreign text', () => {
  const rows: Array<[what: string, text: string, shown: string]> = [
    ['an ordinary path', '/mnt/a b', '/mnt/a b'],
    ['letters of other scripts', '/mnt/Übung/日本/😀', '/mnt/Übung/日本/😀'],
    ['an escape sequence', '\x1b[2J\x07', '\\x1b[2J\\x07'],
    ['the same in one character', '\x9b2J', '\\x9b2J'],
    ['lines and tabs', 'a\nb\tc\rd', 'a\\nb\\tc\\x0dd'],
    ['NUL and DEL', '\0\x7f', '\\x00\\x7f'],
    ['what turns text around', 'gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['what nobody sees', 'a\u200bb\ufeff', 'a\\u{200b}b\\u{feff}'],
    ['separators of lines', 'a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'],
    ['half of a surrogate pair', '\ud800', '\\u{d800}'],
    ['tags beyond the basic plane', '\u{e0041}', '\\u{e0041}'],
    ['what looks like one of our escapes', '\\x1b', '\\\\x1b'],
  ];
  for (const [what, text, shown] of rows) {
    test(`${what} is shown as ${shown}`, () => expect(printable(text)).toBe(shown));
    test(`${what} goes through JSON unchanged, and harmless`, () => {
      expect(JSON.parse(json({[text]: [text]}))).toEqual({[text]: [text]});
      expect(json({[text]: text}, 2)).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    });
  }

  test('our own sentences keep their lines and backslashes', () => {
    expect(harmless(printable('a\\b\x1b'))).toBe('a\\\\b\\x1b');
    expect(harmless('one\ntwo \x1b')).toBe('one\ntwo \\x1b');
  });
});

describe('columns', () => {
  const widths: Array<[text: string, width: number]> = [
    ['', 0],
    ['abc', 3],
    ['日本', 4],
    ['e\u0301', 1],
    ['😀', 2],
    ['ｆｕ', 4],
    ['Übung', 5],
  ];
  for (const [text, width] of widths) {
    test(`"${text}" takes ${width}`, () => expect(textWidth(text)).toBe(width));
  }

  const shortened: Array<[text: string, width: number, shown: string]> = [
    ['/a/path/to/an/image.img', 23, '/a/path/to/an/image.img'],
    ['/a/path/to/an/image.img', 11, '/a/pa…e.img'],
    ['/a/path/to/an/image.img', 10, '/a/p…e.img'],
    ['abc', 2, '…c'],
    ['abc', 1, 'a'],
    ['abc', 0, ''],
    ['日本日本', 5, '日…本'],
    ['日本日本', 4, '…本'],
    ['abcde\u0301fgh', 5, 'ab…gh'],
  ];
  for (const [text, width, shown] of shortened) {
    test(`"${text}" in ${width} is "${shown}"`, () => {
      expect(shorten(text, width)).toBe(shown);
      expect(textWidth(shown)).toBeLessThanOrEqual(width);
    });
  }

  test('cutting and filling count columns and not characters', () => {
    expect(cut('日本', 3)).toBe('日');
    expect(pad('日', 4, 'right')).toBe('  日');
    expect(pad('too long', 3)).toBe('too long');
  });
});

describe('tables', () => {
  const columns = [
    {title: 'ID', align: 'right' as const},
    {title: 'TARGET', flexible: true},
    {title: 'SOURCE', flexible: true},
    {title: 'N'},
  ];
  const row = ['7', '/mnt/a/rather/long/target', '/images/of/an/even/longer/source.img', 'x'];

  test('are as wide as their cells where width does not matter', () => {
    expect(table(columns, [row])).toEqual([
      'ID  TARGET                     SOURCE                                N',
      ' 7  /mnt/a/rather/long/target  /images/of/an/even/longer/source.img  x',
    ]);
  });

  for (const width of [69, 60, 40, 30]) {
    test(`fit into ${width} columns by shortening what may be shortened`, () => {
      const lines = table(columns, [row], width);
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
      expect(lines[1]).toMatch(/^ 7 {2}\/.*x$/);
    });
  }

  test('never lose a whole column, even where the terminal is too narrow for that', () => {
    expect(table(columns, [row], 5)[1]).toBe(' 7  /mn…rget  /im….img  x');
  });

  test('without rows are their titles', () => {
    expect(table(columns, [], 80)).toEqual(['ID  TARGET  SOURCE  N']);
  });
});

describe('quantities', () => {
  const bytes: Array<[value: number, shown: string]> = [
    [0, '0'],
    [1023, '1023'],
    [1024, '1K'],
    [1536, '1.5K'],
    [16 * 2 ** 20, '16M'],
    [2 ** 20 - 1, '1M'],
    [123_456_789, '118M'],
    [2 ** 53, '8P'],
    [2 ** 63, '8192P'],
  ];
  for (const [value, shown] of bytes) {
    test(`${value} bytes are ${shown}`, () => expect(formatBytes(value)).toBe(shown));
  }

  const counts: Array<[value: number, shown: string]> = [
    [0, '0'],
    [0.25, '0.25'],
    [12.34, '12.3'],
    [999, '999'],
    [999.9, '1k'],
    [12_345, '12.3k'],
    [4e6, '4M'],
  ];
  for (const [value, shown] of counts) {
    test(`${value} is ${shown}`, () => expect(formatCount(value)).toBe(shown));
  }

  const seconds: Array<[value: number, shown: string]> = [
    [0, '0µs'],
    [0.000_003_2, '3.2µs'],
    [0.000_999_9, '1ms'],
    [0.0154, '15.4ms'],
    [0.9999, '1s'],
    [2.5, '2.5s'],
    [59.96, '1m 0s'],
    [200, '3m 20s'],
    [18_180, '5h 3m'],
    [1_051_200, '12d 4h'],
  ];
  for (const [value, shown] of seconds) {
    test(`${value} s are ${shown}`, () => expect(formatSeconds(value)).toBe(shown));
  }

  const shares: Array<[value: number | null, shown: string]> = [
    [null, '-'],
    [0, '0.0 %'],
    [0.5, '50.0 %'],
    [0.999_999, '99.9 %'],
    [0.000_001, '0.1 %'],
    [1, '100.0 %'],
  ];
  for (const [value, shown] of shares) {
    test(`a share of ${value} is ${shown}`, () => expect(formatShare(value)).toBe(shown));
  }

  const sizes: Array<[text: string, value: number | undefined]> = [
    ['0', 0],
    ['4096', 4096],
    ['64K', 65_536],
    ['64k', 65_536],
    ['64KiB', 65_536],
    ['64kb', 65_536],
    ['1.5M', 1_572_864],
    ['2G', 2 ** 31],
    ['1T', 2 ** 40],
    ['8191T', 8191 * 2 ** 40],
    ['8192T', undefined],
    ['0.1', undefined],
    ['0.3K', undefined],
    ['-1', undefined],
    ['', undefined],
    ['K', undefined],
    ['1e6', undefined],
    ['0x10', undefined],
    ['10b', undefined],
    ['10iB', undefined],
    ['1 M', undefined],
    ['99999999999999999999', undefined],
  ];
  for (const [text, value] of sizes) {
    test(`the size "${text}" is ${value ?? 'none'}`, () => expect(parseSize(text)).toBe(value));
  }
});
