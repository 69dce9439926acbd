#!/bin/sh
# Runtime stage: what the program needs of Debian. Node runs it, bubblewrap holds its servers; mount and losetup are for people.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends nodejs bubblewrap mount >/dev/null
rm -rf /var/lib/apt/lists/*
# Who may use the manager's socket besides root.
groupadd --system --force fuseward
