import type {FastifyDynamicSwaggerOptions} from '@fastify/swagger';

/** How the OpenAPI document is made from the schemas of the routes. */
export function openApiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'fuseward admin API',
        version,
        description:
          'What a machine has mounted through contained file-system servers, how they are, and what can be done about ' +
          'it. Every failure is application/problem+json with a stable `code`. On the unix socket its file mode is the ' +
          'permission; over TCP everything but /healthz needs the bearer token.',
        license: {name: 'MIT', identifier: 'MIT'},
      },
      servers: [{url: '/', description: 'the listener that this document came from'}],
      tags: [
        {name: 'daemon', description: 'the daemon itself'},
        {name: 'mounts', description: 'mounts, and orders to their servers'},
        {name: 'caches', description: 'caches inside a server'},
        {name: 'events', description: 'what happens, as it happens'},
      ],
      components: {securitySchemes: {token: {type: 'http', scheme: 'bearer'}}},
      // Either: nothing on the unix socket, the token over TCP.
      security: [{}, {token: []}],
    },
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) =>
        typeof json['$id'] === 'string' ? json['$id'] : `schema-${index}`,
    },
  };
}
