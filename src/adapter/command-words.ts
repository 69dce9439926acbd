import type {CommandPlan} from '../control/command-plan.js';

/** What the placeholders of a command stand for. */
export interface CommandValues {
  readonly source: string;
  readonly target: string;
  /** Options for the program, as text behind `-o`; '' for none. */
  readonly options: string;
  /** Descriptor of each secret by its name. */
  readonly secrets: ReadonlyMap<string, number>;
}

const PLACEHOLDER = /\{(source|target|type|options|secret:([^{}]*))\}/g;

/**
 * The words to execute. Where there are no options, a word that is nothing but `{options}` goes together with the `-o` before it,
 * and in a longer word the comma beside it goes.
 */
export function fillCommand(plan: CommandPlan, values: CommandValues): string[] {
  const words = values.options === '' ? withoutOptions(plan.command) : plan.command;
  return words.map((word) =>
    word.replace(PLACEHOLDER, (_all, name: string, secret: string | undefined) => {
      // The plan's check has found every secret that is named.
      if (secret !== undefined) return `/dev/fd/${values.secrets.get(secret)}`;
      return name === 'type' ? plan.type : values[name as 'source' | 'target' | 'options'];
    }),
  );
}

function withoutOptions(command: readonly string[]): string[] {
  const words: string[] = [];
  for (const word of command) {
    if (word === '-o{options}') continue;
    if (word === '{options}') {
      if (words.at(-1) === '-o') words.pop();
      continue;
    }
    words.push(word.replaceAll(',{options}', '').replaceAll('{options},', ''));
  }
  return words;
}
