# The manager and the mount command in a container. Every step is a script in packaging/docker/, which can be run without Docker.
#
#   docker build -t fuseward .
#   docker build -t fuseward-server --target server .
#
# The manager's container makes mounts, which needs, and nothing beyond it:
#
#   --device /dev/fuse                   the requests of the kernel
#   --device /dev/loop-control and loop devices (--device-cgroup-rule='b 7:* rmw' -v /dev:/dev)
#                                        only for loop devices; without them "loop" is done without
#   --cap-add SYS_ADMIN                  mount(2), in the mount command alone: servers have no capability
#   --cap-add SYS_PTRACE                 to see from outside how a server is held: status, seal, manager
#   --security-opt seccomp=unconfined    Docker's own filter forbids mount and the user namespaces of bubblewrap. Servers
#   --security-opt apparmor=unconfined   install a filter of their own, far narrower than that one
#   -v /mnt:/mnt:rshared                 to show the mounts outside the container
#
# docs/packaging.md has the whole commands, and what works without privileges.

FROM node:22-trixie-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY packaging/docker/fetch.sh packaging/docker/
RUN packaging/docker/fetch.sh
COPY . .
RUN packaging/docker/build.sh /out

FROM debian:trixie-slim AS runtime
COPY packaging/docker/runtime.sh packaging/docker/health.sh /usr/lib/fuseward/docker/
RUN /usr/lib/fuseward/docker/runtime.sh
COPY --from=build /out/ /
LABEL org.opencontainers.image.title="fuseward" \
      org.opencontainers.image.description="Mounts disk images through contained FUSE servers" \
      org.opencontainers.image.licenses="MIT"

# A contained server alone, for a socket that an engine hands over (LISTEN_FDS). It needs no root, no capability, no network, no
# device: --cap-drop ALL --network none --read-only --security-opt no-new-privileges
FROM runtime AS server
USER 65534:65534
ENTRYPOINT ["/usr/bin/fuseward", "serve"]
CMD ["ext4"]

# Root, because mounting is root's; each server that it starts runs as a user of its own without any rights.
FROM runtime AS manager
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/lib/fuseward/docker/health.sh"]
ENTRYPOINT ["/usr/bin/fuseward"]
CMD ["daemon"]
