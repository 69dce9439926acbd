import {ALLOW_KEYS, KEYS, type KeyTable, TABLES} from './keys.js';

type Schema = Record<string, unknown>;

function propertiesOf(keys: KeyTable): Schema {
  return Object.fromEntries(
    Object.entries(keys).map(([key, {kind, help, fallback}]) => {
      const standard = fallback === undefined || fallback === null ? {} : {default: fallback};
      return [key, {description: help, ...kind.schema, ...standard}];
    }),
  );
}

function tableOf(keys: KeyTable, more: Schema = {}): Schema {
  return {type: 'object', additionalProperties: false, properties: propertiesOf(keys), ...more};
}

/** A JSON schema (2020-12) of a policy file, for editors. The program's own check is the word that counts. */
export function policySchema(): Schema {
  const required = Object.keys(ALLOW_KEYS).filter((key) => ALLOW_KEYS[key]!.fallback === undefined);
  const someone = ['users', 'groups'].map((key) => ({required: [key], properties: {[key]: {minItems: 1}}}));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'fuseward policy file',
    description: 'defaults.toml or TYPE.toml in /etc/fuseward/policy.d',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...propertiesOf(KEYS),
      ...Object.fromEntries(Object.entries(TABLES).map(([name, keys]) => [name, tableOf(keys)])),
      allow: {
        description: 'who may mount what where: the first rule that fits in every point allows it',
        type: 'array',
        items: tableOf(ALLOW_KEYS, {required, anyOf: someone}),
      },
    },
  };
}
