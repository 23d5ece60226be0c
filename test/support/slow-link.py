"""
A cable that is slow and loses frames, for kernels without netem: slow-link.py INTERFACE TAP DELAY_MS LOSS_PERCENT PIDFILE

Makes the interface TAP, and passes frames between it and INTERFACE: what goes to INTERFACE takes DELAY_MS longer and so much of it
is lost, as `tc qdisc add dev INTERFACE root netem delay … loss …` does; the other way nothing is changed. Frames keep the header
in which the kernel notes checksums and segments that are still to be made (PACKET_VNET_HDR, IFF_VNET_HDR: packet(7), Linux's
Documentation/networking/tuntap.rst), so that neither side has to be set up otherwise. Ends at once for its caller: it goes on in the
background until it is killed, and then TAP is gone too.
"""
import collections
import fcntl
import os
import random
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
TUNSETVNETHDRSZ = 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 1, 15, 23
PACKET_MR_PROMISC = 1
ETH_P_ALL = 3
HEADER = 10
MOST = 70_000
# As netem's own limit, in frames: what is more than this is lost too.
QUEUE = 1_000


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(tap, TUNSETVNETHDRSZ, struct.pack("i", HEADER))
    return tap


def open_cable(name):
    cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    cable.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    cable.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    cable.bind((name, ETH_P_ALL))
    member = struct.pack("IHH8s", socket.if_nametoindex(name), PACKET_MR_PROMISC, 0, b"")
    cable.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    cable.setblocking(False)
    return cable


def take(read):
    try:
        return read(MOST)
    except BlockingIOError:
        return None


def put(write, frame):
    try:
        write(frame)
    except OSError:
        pass  # As on a wire: nobody is told that a frame is lost.


def carry(tap, cable, delay_s, loss):
    waiting = collections.deque()
    while True:
        left = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([tap, cable], [], [], left)
        while tap in readable and (frame := take(lambda size: os.read(tap, size))) is not None:
            if random.random() >= loss and len(waiting) < QUEUE:
                waiting.append((time.monotonic() + delay_s, frame))
        while cable in readable and (frame := take(cable.recv)) is not None:
            put(lambda bytes: os.write(tap, bytes), frame)
        while waiting and waiting[0][0] <= time.monotonic():
            put(cable.send, waiting.popleft()[1])


def main(interface, name, delay_ms, loss_percent, pid_file):
    cable, tap = open_cable(interface), open_tap(name)
    child = os.fork()
    if child != 0:
        with open(pid_file, "w", encoding="ascii") as file:
            file.write(str(child))
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    carry(tap, cable, float(delay_ms) / 1000, float(loss_percent) / 100)


main(*sys.argv[1:])
