#!/usr/bin/python3
"""What a program in a sandbox does with the network it has: orders come as lines of JSON, each is answered with one."""
import json
import resource
import select
import socket
import sys

kept = {}


def connect(host, port, timeout=5):
    return socket.create_connection((host, port), timeout)


def echo(host, port, text='hello'):
    with connect(host, port) as peer:
        peer.sendall(text.encode())
        return peer.recv(65536).decode()


def half_close(host, port, size):
    """Sends, says that no more comes, and reads everything that is answered after that."""
    with connect(host, port) as peer:
        peer.sendall(b'x' * size)
        peer.shutdown(socket.SHUT_WR)
        total = 0
        while chunk := peer.recv(65536):
            total += len(chunk)
        return total


def many(host, port, count):
    peers = [connect(host, port) for _ in range(count)]
    for index, peer in enumerate(peers):
        peer.sendall(b'%d\n' % index)
    right = 0
    for index, peer in enumerate(peers):
        right += peer.makefile('rb').readline() == b'%d\n' % index
    for peer in peers:
        peer.close()
    return right


def stuff(host, port, quiet):
    """Writes until nobody has taken a byte for so many seconds."""
    peer = kept['stuffed'] = connect(host, port)
    peer.setblocking(False)
    total = 0
    while select.select([], [peer], [], quiet)[1]:
        total += peer.send(b'x' * 65536)
    return total


def hold(host, port):
    kept['held'] = connect(host, port)
    kept['held'].sendall(b'held')
    return kept['held'].recv(100).decode()


def ended():
    """What becomes of the connection that is held."""
    return kept['held'].recv(100).decode()


def unix(name):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect('\0' + name)
        return 'connected'


def datagram(host, port):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(0.3)
        peer.sendto(b'hello', (host, port))
        return peer.recv(100).decode()


def lookup(name):
    return sorted({entry[4][0] for entry in socket.getaddrinfo(name, 1, type=socket.SOCK_STREAM)})


resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048))
for line in sys.stdin:
    name, *arguments = json.loads(line)
    try:
        answer = globals()[name](*arguments)
    except OSError as error:
        answer = type(error).__name__
    print(json.dumps(answer), flush=True)
