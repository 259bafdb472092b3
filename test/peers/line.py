"""A line with a delay, between two TAP devices, for kernels without sch_netem.

usage: line.py TAP1 TAP2 MILLISECONDS      (each way; frames keep their order)

Frames pass with their virtio-net header, so that a large TCP segment stays one read and one write.
"""
import collections, fcntl, os, select, struct, sys, time

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
TAP, NO_PI, VNET_HDR = 0x0002, 0x1000, 0x4000
CSUM, TSO4, TSO6, TSO_ECN = 1, 2, 4, 8
BOUND = 256 * 1024 * 1024  # bytes on their way, each direction; more is dropped, as on any line


def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), TAP | NO_PI | VNET_HDR))
    fcntl.ioctl(fd, TUNSETOFFLOAD, CSUM | TSO4 | TSO6 | TSO_ECN)
    return fd


class Direction:
    def __init__(self, source, sink):
        self.source, self.sink, self.queue, self.size = source, sink, collections.deque(), 0

    def take(self, due):
        for _ in range(64):
            try:
                frame = os.read(self.source, 70000)
            except BlockingIOError:
                return
            if self.size + len(frame) <= BOUND:
                self.queue.append((due, frame))
                self.size += len(frame)

    def give(self, now):
        while self.queue and self.queue[0][0] <= now:
            _, frame = self.queue.popleft()
            self.size -= len(frame)
            try:
                os.write(self.sink, frame)
            except OSError:
                pass  # the device is down or its queue is full: a lost frame


a, b, delay = tap(sys.argv[1]), tap(sys.argv[2]), float(sys.argv[3]) / 1000
directions = {a: Direction(a, b), b: Direction(b, a)}
poll = select.epoll()
for fd in directions:
    poll.register(fd, select.EPOLLIN)
print("ready", flush=True)
while True:
    heads = [way.queue[0][0] for way in directions.values() if way.queue]
    wait = max(0.0, min(heads) - time.monotonic()) if heads else -1
    for fd, _ in poll.poll(wait):
        directions[fd].take(time.monotonic() + delay)
    for way in directions.values():
        way.give(time.monotonic())
