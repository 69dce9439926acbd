#!/bin/sh
# Build stage: builds the checkout in the working directory and lays the program out in DIRECTORY as Debian has it.
#   build.sh DIRECTORY
set -eu
out=$1
npm run --silent build
node scripts/program-tree.mjs "$out"
# No systemd, no shells with completion, and nobody to read a manual, in a container.
rm -r "$out/usr/lib/systemd" "$out/usr/lib/sysusers.d" "$out/usr/lib/tmpfiles.d" \
  "$out/usr/share/man" "$out/usr/share/bash-completion" "$out/usr/share/zsh"
