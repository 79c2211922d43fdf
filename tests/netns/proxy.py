"""
A UDP proxy between clients and the server: it drops, duplicates and reorders datagrams with given probabilities and a
seed for each direction, and can give a client another address or hold its frames back.

Each client that is seen gets an upstream socket of its own, so the server sees one address per client, as behind a NAT.
"""
import heapq
import random
import select
import socket
import threading
import time


class Way:
    """What one direction does to datagrams. Probabilities 0 to 1; late: seconds that a reordered one waits."""

    def __init__(self, seed, loss=0.0, twice=0.0, late=0.0, wait=(0.005, 0.06)):
        self.random = random.Random(seed)
        self.loss, self.twice, self.late, self.wait = loss, twice, late, wait
        self.seen = self.lost = self.doubled = self.delayed = 0

    def copies(self):
        """Delays of the copies to deliver; none: lost."""
        r = self.random
        self.seen += 1
        if r.random() < self.loss:
            self.lost += 1
            return []
        out = [0.0]
        if r.random() < self.late:
            self.delayed += 1
            out[0] = r.uniform(*self.wait)
        if r.random() < self.twice:
            self.doubled += 1
            out.append(r.uniform(*self.wait))
        return out

    def __str__(self):
        return f"{self.seen} seen, {self.lost} lost, {self.doubled} doubled, {self.delayed} reordered"


class Upstream:
    """One client behind the proxy, and the addresses that the server has seen it at."""

    def __init__(self, client, sock):
        self.client, self.sock = client, sock
        self.former = []  # sockets it has left
        self.came = []  # (time, port, datagram) from the server, at any of its sockets

    def port(self):
        return self.sock.getsockname()[1]

    def late_for(self, port, since):
        """Datagrams from the server at a port after a time."""
        return [d for t, p, d in self.came if p == port and t > since]


class Proxy(threading.Thread):
    """listen, server: addresses (host, port). Ends with close()."""

    def __init__(self, net, ns, listen, server, up=None, down=None):
        super().__init__(daemon=True)
        self.net, self.ns, self.server = net, ns, server
        self.family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.up, self.down = up or Way(1), down or Way(2)
        self.front = net.socket(ns, socket.AF_INET6 if ":" in listen[0] else socket.AF_INET)
        self.front.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.front.bind(listen)
        self.clients = {}  # address -> Upstream
        self.heap, self.count = [], 0
        self.lock = threading.Lock()
        self.hold = None  # function(upstream, datagram): true if it took the datagram away
        self.ending = False
        self.start()

    def _upstream_socket(self):
        s = self.net.socket(self.ns, self.family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        s.connect(self.server)
        return s

    def newest(self):
        """The client that was seen first most lately."""
        with self.lock:
            return list(self.clients.values())[-1]

    def rebind(self, upstream):
        """The client's address changes, as when a NAT forgets it. The port that it had."""
        with self.lock:
            old = upstream.port()
            upstream.former.append(upstream.sock)
            upstream.sock = self._upstream_socket()
        return old

    def _later(self, way, send, data):
        for delay in way.copies():
            self.count += 1
            heapq.heappush(self.heap, (time.monotonic() + delay, self.count, send, data))

    def _from_client(self):
        data, address = self.front.recvfrom(65536)
        with self.lock:
            if address not in self.clients:
                self.clients[address] = Upstream(address, self._upstream_socket())
            u = self.clients[address]
        if self.hold and self.hold(u, data):
            return
        self._later(self.up, lambda d: u.sock.send(d), data)

    def _from_server(self, u, sock):
        data = sock.recv(65536)
        u.came.append((time.monotonic(), sock.getsockname()[1], data))
        self._later(self.down, lambda d: self.front.sendto(d, u.client), data)

    def _ready(self):
        with self.lock:
            back = {s: u for u in self.clients.values() for s in [u.sock, *u.former]}
        due = self.heap[0][0] - time.monotonic() if self.heap else 0.05
        found = select.select([self.front, *back], [], [], min(max(due, 0), 0.05))[0]
        return found, back

    def run(self):
        while not self.ending:
            found, back = self._ready()
            for sock in found:
                try:
                    if sock is self.front:
                        self._from_client()
                    else:
                        self._from_server(back[sock], sock)
                except OSError:
                    pass  # ICMP's word of an earlier datagram: a loss
            while self.heap and self.heap[0][0] <= time.monotonic():
                _, _, send, data = heapq.heappop(self.heap)
                try:
                    send(data)
                except OSError:
                    pass

    def close(self):
        self.ending = True
        self.join(5)
        for u in self.clients.values():
            for s in [u.sock, *u.former]:
                s.close()
        self.front.close()
