#!/bin/sh
# Process 1 of fresh namespaces: makes a root of its own over the machine's and becomes systemd. All that it changes is
# in a tmpfs of its mount namespace, and gone with it.
#   boot.sh WORK CHECKOUT NODE [V1]...
# V1: mount options of hierarchies of control groups of version 1, which the limits of some machines are in.
set -eu
work=$1 checkout=$2 node=$3
shift 3
root=$work/root

mount -t tmpfs -o mode=0755 fuseward-test "$work"
mkdir "$work/upper" "$work/work" "$root"
chmod 0755 "$work/upper"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" overlay "$root"

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
# systemd as process 1 writes fs.nr_open and others, which are the whole machine's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
if [ $# -eq 0 ]; then
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o nosuid,nodev,noexec,mode=0755 cgroup "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/unified"
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup/unified"
  for options; do
    directory=$root/sys/fs/cgroup/${options#none,name=}
    mkdir "$directory"
    mount -t cgroup -o "nosuid,nodev,noexec,$options" cgroup "$directory"
  done
fi
mount -t fusectl -o nosuid,nodev,noexec fusectl "$root/sys/fs/fuse/connections"
mount --rbind /dev "$root/dev"
# Not the machine's console and kernel log.
mount --bind /dev/null "$root/dev/console"
mount --bind /dev/null "$root/dev/kmsg"
mount -t tmpfs -o nosuid,nodev,mode=0755 run "$root/run"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmp "$root/tmp"

# The checkout at its path, and where a package puts it, which PrivateTmp= and ProtectHome= hide from no service.
mkdir -p "$root$checkout" "$root/usr/lib/fuseward"
mount --bind "$checkout" "$root$checkout"
# Piece by piece: a checkout that only its owner may enter is a package that everybody may.
for piece in "$checkout"/*; do
  place="$root/usr/lib/fuseward/${piece##*/}"
  if [ -d "$piece" ]; then mkdir -p "$place"; else : > "$place"; fi
  mount --bind "$piece" "$place"
done
ln -sf /usr/lib/fuseward/bin/fuseward "$root/usr/bin/fuseward"
# The Node that runs the tests, for everybody.
rm -f "$root/usr/bin/node"
: > "$root/usr/bin/node"
mount --bind "$node" "$root/usr/bin/node"

# Nothing of the machine's own services: a journal, and what a test asks for.
rm -rf "$root/etc/systemd/system" "$root/run/systemd" "$root"/lib/systemd/system/*.wants "$root"/lib/systemd/system-generators/systemd-gpt-auto-generator
mkdir -p "$root/etc/systemd/system" "$root/lib/systemd/system/sysinit.target.wants" "$root/lib/systemd/system/sockets.target.wants"
ln -s ../systemd-journald.service "$root/lib/systemd/system/sysinit.target.wants/"
ln -s ../systemd-journald.socket "$root/lib/systemd/system/sockets.target.wants/"
# These would leave a socket or a link in the machine's /dev.
for unit in systemd-journald-dev-log.socket systemd-initctl.socket systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
cat > "$root/etc/systemd/system/fuseward-test.target" <<UNIT
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
UNIT
mkdir -p "$root/etc/systemd/journald.conf.d"
cat > "$root/etc/systemd/journald.conf.d/fuseward-test.conf" <<CONF
[Journal]
Storage=volatile
RateLimitIntervalSec=0
ReadKMsg=no
Audit=no
CONF
: > "$root/etc/fstab"
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$root/etc/machine-id"
hostname fuseward-test

mkdir "$root/tmp/old"
cd "$root"
pivot_root . tmp/old
umount -l /tmp/old
rmdir /tmp/old
# As on a machine of its own, where systemd does that itself: credentials of services come that way.
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=fuseward-test \
  /lib/systemd/systemd --system --unit=fuseward-test.target --show-status=no --log-target=journal --dump-core=no \
  --crash-reboot=no < /dev/null > /dev/null 2>&1
