#!/bin/sh
# Process 1 of fresh mount, pid and ipc namespaces: over an overlay of LOWER it makes a system of its own and waits in it. All that
# is changed lies in a tmpfs of its mount namespace, and is gone with it.
#   room.sh WORK LOWER
set -eu
work=$1 lower=$2
root=$work/root

mount -t tmpfs -o mode=0755 fuseward-room "$work"
mkdir "$work/upper" "$work/work" "$root"
chmod 0755 "$work/upper"
mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" overlay "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs "$root/sys"
mount -t fusectl -o nosuid,nodev,noexec fusectl "$root/sys/fs/fuse/connections"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o nosuid,nodev,mode=0755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir -p "$root/tmp/old"

# What a container engine gives a container too.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
# No service of an installed package is to be started.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"

# Not chroot(2): in one no process may make a user namespace (user_namespaces(7)), which servers live in.
cd "$root"
pivot_root . tmp/old
# Files and directories of the machine, "FROM TO" a line on standard input, before the machine's tree goes out of sight.
while read -r from to; do
  if [ -d "/tmp/old$from" ]; then mkdir -p "$to"; else mkdir -p "${to%/*}"; : >> "$to"; fi
  mount --bind "/tmp/old$from" "$to"
done
umount -l /tmp/old
rmdir /tmp/old
echo ready
exec env -i sleep infinity
