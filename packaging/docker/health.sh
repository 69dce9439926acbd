#!/bin/sh
# Whether the manager answers and has looked at the machine: HEALTHCHECK of the image.
# shellcheck disable=SC2016 # The program is for node, not for the shell.
exec /usr/bin/node -e '
  const {get} = require("node:http");
  const fail = (reason) => { console.error(String(reason)); process.exit(1); };
  get({socketPath: "/run/fuseward/admin.sock", path: "/readyz", timeout: 4000}, ({statusCode}) => {
    if (statusCode !== 200) fail(`status ${statusCode}`);
    process.exit(0);
  }).on("error", fail).on("timeout", () => fail("no answer"));
'
