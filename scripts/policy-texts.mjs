// Puts what shipped policy files say into programs: those of the types that our own server knows, and what holds for all (src/policy/read-at-build.ts).
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const EMPTY = 'const TEXTS: Readonly<Record<string, ReadText>> = {};';

/** @param modules where the compiled modules lie */
export async function withPolicyTexts(modules) {
  const compiled = (path) => import(pathToFileURL(join(modules, path)).href);
  const {readPolicyText} = await compiled('policy/policy-file.js');
  const {BUILTIN_TYPES} = await compiled('launch/own-types.js');
  const texts = {};
  for (const name of ['defaults', ...BUILTIN_TYPES]) {
    const text = readFileSync(`policy/${name}.toml`, 'utf8');
    texts[name] = {text, json: JSON.stringify(readPolicyText('', text))};
  }
  return {
    name: 'policy-texts',
    setup(builder) {
      builder.onLoad({filter: /[/]policy[/]read-at-build\.ts$/}, ({path}) => {
        const contents = readFileSync(path, 'utf8');
        if (!contents.includes(EMPTY)) throw new Error(`${path}: nowhere to put the texts`);
        return {
          contents: contents.replace(EMPTY, () => `const TEXTS = ${JSON.stringify(texts)};`),
          loader: 'ts',
        };
      });
    },
  };
}
