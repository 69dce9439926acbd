"""A FUSE server that misbehaves while it gets itself mounted. Run in a sandbox by an adapter: hostile-command.py ACT TARGET [WAY].
Each thing that it tried goes to standard error as `TRIED what: outcome`."""

import array
import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
import sys
import time

ADAPTER = '/fuseward/bin/.adapter'
libc = ctypes.CDLL(None, use_errno=True)


def tried(what, outcome):
    os.write(2, f'TRIED {what}: {outcome}\n'.encode())


def received(sock):
    """The descriptor in the next message, or None."""
    fds = array.array('i')
    _, ancillary, _, _ = sock.recvmsg(8192, socket.CMSG_SPACE(4))
    for _, _, data in ancillary:
        fds.frombytes(data[:4])
    return fds[0] if fds else None


def fusermount(*args):
    """Calls it as a library does: (exit code, what it said, descriptor)."""
    ours, theirs = socket.socketpair()
    child = subprocess.run(
        ['fusermount3', *args],
        pass_fds=[theirs.fileno()],
        env={**os.environ, '_FUSE_COMMFD': str(theirs.fileno())},
        stderr=subprocess.PIPE,
    )
    theirs.close()
    return child.returncode, child.stderr.decode().strip(), received(ours)


def mount(fstype, target, flags=0, data=None, source=b'hostile'):
    """mount(2): 0, or the name of its error."""
    result = libc.mount(source, target, fstype, ctypes.c_ulong(flags), data)
    return 0 if result == 0 else errno.errorcode[ctypes.get_errno()]


def serve(fd, once=lambda: None):
    """Answers INIT and what a look at the root asks."""
    while True:
        try:
            request = os.read(fd, 1 << 17)
        except OSError:
            return
        _, opcode, unique, _ = struct.unpack_from('<IIQQ', request)
        body, error = b'', -errno.ENOSYS
        if opcode == 26:  # INIT
            body, error = struct.pack('<IIIIHHIIHHI24x', 7, 31, 0, 0, 1, 1, 4096, 1, 0, 0, 0), 0
        elif opcode == 3:  # GETATTR
            attr = struct.pack('<QQQQQQIIIIIIIIII', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
            body, error = struct.pack('<QII', 0, 0, 0) + attr, 0
        elif opcode in (2, 42):  # FORGET
            continue
        os.write(fd, struct.pack('<IiQ', 16 + len(body), error, unique) + body)
        if opcode == 26:
            once()


def ask(text):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(ADAPTER)
    sock.send(text)
    return sock


QUESTION = json.dumps({'target': sys.argv[2], 'options': ['ro']}).encode()


def exits(target):
    os.write(2, b'no such thing as \x1b[31ma good image\x1b[0m\nI give up\n')
    sys.exit(3)


def never(target):
    time.sleep(600)


def twice(target):
    code, said, fd = fusermount('-o', 'ro,suid,dev,nonempty,fsname=a\\,b', '--', target)
    tried('first', f'{code} {said}')
    code, said, again = fusermount('--', target)
    tried('before the first request is read', f'{code} same={os.fstat(again).st_rdev == os.fstat(fd).st_rdev}')
    os.close(again)

    def third():
        time.sleep(0.3)
        code, said, _ = fusermount('--', target)
        tried('after the adapter', f'{code} {said}')
        tried('mount(2) after the adapter', mount(b'fuse.x', target.encode(), 0, f'fd={fd},rootmode=40000'.encode()))
        tried('unmount', fusermount('-u', '-q', '--', target)[0])

    serve(fd, third)


def options(target):
    code, said, _ = fusermount('-o', 'ro,allow_other', '--', target)
    tried('allow_other', f'{code} {said}')
    for words in (['bind'], ['fd=7', 'source=/etc/passwd'], ['max_read=x'], ['context=a'], *[['x']] * 20):
        answer = ask(json.dumps({'target': target, 'options': words}).encode()).recv(8192)
        tried(words[-1], json.loads(answer).get('refused'))
    sys.exit(1)


def socket_abuse(target):
    held = [ask(b'{') for _ in range(50)]
    tried('garbage', [sock.recv(10) for sock in held[:3]])
    for bad in (b'', b'null', b'[]', b'{"target":1,"options":[]}', b'{"target":"x","options":[1]}', b'x' * 60000):
        tried(f'{bad[:30]}', ask(bad).recv(10))
    with_fds = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with_fds.connect(ADAPTER)
    with_fds.sendmsg([b'{'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 100))])
    silent = []
    for _ in range(40):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(ADAPTER)
        silent.append(sock)
    time.sleep(0.1)
    for sock in silent:
        sock.close()
    code, said, fd = fusermount('--', target)
    tried('honest', f'{code} {said}')
    serve(fd)


def floods(target):
    """Some connections that say nothing, and as many questions as go through beside them."""
    held = []
    for _ in range(4):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(ADAPTER)
        held.append(sock)
    while True:
        try:
            ask(json.dumps({'target': '/x', 'options': ['nobody-knows']}).encode())
        except OSError:
            pass


def takes(target):
    """Takes the descriptor and goes."""
    received(ask(QUESTION))
    sys.exit(4)


def calls(target):
    where = target.encode()
    device = os.open('/dev/fuse', os.O_RDWR)
    data = f'fd={device},rootmode=40000,user_id=0,group_id=0'.encode()
    tried('another type', mount(b'tmpfs', where))
    tried('another place', mount(b'fuse', b'/tmp', 0, data))
    tried('bind', mount(b'fuse', where, 0x1000, data))
    tried('remount', mount(b'fuse', where, 0x20, data))
    tried('no descriptor', mount(b'fuse', where, 0, b'rootmode=40000'))
    tried('a closed descriptor', mount(b'fuse', where, 0, b'fd=999,rootmode=40000'))
    tried('an address of nothing', mount(b'fuse', ctypes.c_void_p(1), 0, data))
    tried('a kernel address', mount(b'fuse', ctypes.c_void_p(-4096), 0, data))
    tried('umount', libc.umount2(where, 0))
    tried('unknown option', mount(b'fuse', where, 0, data + b',bind'))
    tried('unshare', libc.unshare(0x20000))
    os.chdir(target)
    tried('the mount', mount(b'fuse.x', b'.', 0xC0ED0000, data + b',max_read=65536'))
    tried('umount of it', libc.umount2(where, 0))
    serve(device)


def network(target):
    """Connects to what the environment names, and makes sockets of all kinds."""

    def outcome(act):
        try:
            act()
            return 'ok'
        except OSError as error:
            return errno.errorcode[error.errno]

    for name in ('ALLOWED', 'OTHER'):
        tried(name, outcome(lambda: socket.create_connection(('127.0.0.1', int(os.environ[name])))))
    tried('listen', outcome(lambda: socket.create_server(('127.0.0.1', 0))))
    kinds = {'udp': (2, 2, 0), 'mptcp': (2, 1, 262), 'netlink': (16, 3, 0), 'packet': (17, 3, 0), 'alg': (38, 5, 0)}
    for name, words in kinds.items():
        tried(name, outcome(lambda: socket.socket(*words)))
    sys.exit(1)


def daemon(target):
    """Goes into the background twice, then mounts."""
    for _ in range(2):
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
    time.sleep(0.2)
    code, said, fd = fusermount('--', target)
    serve(fd)


{f.__name__: f for f in (exits, never, twice, options, socket_abuse, floods, takes, calls, network, daemon)}[sys.argv[1]](
    sys.argv[2]
)
