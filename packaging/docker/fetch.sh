#!/bin/sh
# Build stage: the npm packages of package-lock.json, in the working directory.
set -eu
npm ci --no-audit --no-fund --loglevel=error --prefer-offline
