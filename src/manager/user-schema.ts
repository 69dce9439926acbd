import {Type} from 'typebox';
import {Compile} from 'typebox/compile';
import {USER_PROTOCOL, type UserRequest} from './user-protocol.js';

const strict = {additionalProperties: false};
const version = Type.Literal(USER_PROTOCOL);

/** Every field and nothing beside them: who sends this is not trusted in any way. */
const schema = Compile(
  Type.Union([
    Type.Object(
      {
        version,
        do: Type.Literal('mount'),
        type: Type.Optional(Type.String({pattern: '^[a-z0-9.][a-z0-9._+-]{0,63}$'})),
        // mount(2) takes a page of options, and no command line holds a NUL.
        options: Type.Array(Type.String({maxLength: 4095, pattern: '^[^\\u0000]*$'}), {maxItems: 64}),
      },
      strict,
    ),
    Type.Object(
      {
        version,
        do: Type.Literal('umount'),
        mountId: Type.Integer({minimum: 0, maximum: 2 ** 31 - 1}),
        lazy: Type.Boolean(),
        force: Type.Boolean(),
      },
      strict,
    ),
    Type.Object({version, do: Type.Literal('ls')}, strict),
  ]),
);

/** Reads a request; undefined for anything that is none. */
export function readUserRequest(packet: Uint8Array): UserRequest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(packet));
  } catch {
    return undefined;
  }
  return schema.Check(value) ? (value as UserRequest) : undefined;
}
