import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {foreignText} from '../../../src/service/foreign-text.js';

describe('text of the other end', () => {
  const rows: Array<[what: string, text: string, shown: string]> = [
    ['plain text', 'bad magic in group 3', 'bad magic in group 3'],
    ['letters of any script', 'größe 大小', 'größe 大小'],
    ['a colour', '\u001b[31mred\u001b[0m', '[31mred [0m'],
    ['lines', 'a\nb\r\nc\u2028d\u2029e', 'a b c d e'],
    ['a terminal title', '\u001b]0;root#\u0007x', ']0;root# x'],
    ['C1 controls', 'a\u009bb', 'a b'],
    ['a direction override', 'a\u202eb\u2066c', 'a b c'],
    ['a lone surrogate', 'a\ud800b', 'a b'],
    ['zero width', 'a\u200bb\ufeffc', 'a b c'],
    ['space at the ends', '  a  ', 'a'],
  ];
  for (const [what, text, shown] of rows) {
    test(`${what} is shown harmlessly`, () => assert.equal(foreignText(text), shown));
  }

  test('is cut at its limit', () => {
    assert.equal([...foreignText('😀'.repeat(5000))].length, 500);
    assert.equal(foreignText('abcdef', 4), 'abc…');
    assert.equal(foreignText('abcd', 4), 'abcd');
  });
});
