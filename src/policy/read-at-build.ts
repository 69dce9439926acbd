import type {PolicyFile} from './policy-file.js';
import type {PolicyText} from './policy-files.js';

/** What a text says, as JSON, in a file without a name. */
export interface ReadText {
  readonly text: string;
  readonly json: string;
}

/** By the names of files. Empty here; the build puts the shipped files of our own types in (`scripts/policy-texts.mjs`). */
const TEXTS: Readonly<Record<string, ReadText>> = {};

/** What a file says whose text was read when the program was built: to read it takes a mount 6 ms. Undefined where the text is another by now. */
export function readAtBuild(
  name: string,
  {file, text}: PolicyText,
  texts: Readonly<Record<string, ReadText>> = TEXTS,
): PolicyFile | undefined {
  const known = Object.hasOwn(texts, name) ? texts[name] : undefined;
  return known?.text === text ? inFile(file, JSON.parse(known.json) as PolicyFile) : undefined;
}

/** The same with the file's name where it says where something is. */
function inFile(file: string, {origins, allow, ...read}: PolicyFile): PolicyFile {
  const placed = Object.entries(origins).map(([key, origin]) => [key, {...origin, file}] as const);
  return {
    ...read,
    origins: Object.fromEntries(placed),
    allow: allow?.map((rule) => ({...rule, origin: {...rule.origin, file}})),
  };
}
