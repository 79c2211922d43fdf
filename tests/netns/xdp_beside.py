"""
What other programs of the machine do beside the relay, on the same interface, all the time: a ping, a TCP connection on
which somebody types line by line, and questions over UDP. Nothing is asserted here.

      ns client                                  ns server
    echo requests  ─────────────────────────►  the kernel
    a line, 20 ms later the next  ──────────►  a TCP server that says each line again
    questions, port 5353  ──────────────────►  a UDP server that answers
"""
import os
import select
import socket
import struct
import threading
import time

EVERY_S = 0.02
PATIENCE_S = 10
TCP_PORT, UDP_PORT = 2222, 5353
TCPI_TOTAL_RETRANS = 100  # offset in struct tcp_info


class Exchange(threading.Thread):
    """Asks every 20 ms; .asked and .answered count."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.what, self.asked, self.answers, self.ending, self.fault = name, 0, set(), False, ""

    def run(self):
        try:
            while not self.ending:
                self.asked += 1
                self.ask(self.asked)
                self.listen(EVERY_S)
            end = time.monotonic() + PATIENCE_S
            while len(self.answers) < self.asked and time.monotonic() < end:
                self.listen(0.1)
        except OSError as e:
            self.fault = str(e)

    def listen(self, seconds):
        end = time.monotonic() + seconds
        while select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
            self.take(self.sock.recv(65536))

    def result(self):
        self.ending = True
        self.join(PATIENCE_S + 5)
        return self.asked, len(self.answers)


class Ping(Exchange):
    def __init__(self, make, host):
        super().__init__("pings")
        self.sock = make(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.sock.connect((host, 0))
        self.echo_id = os.getpid() & 0xFFFF

    def ask(self, n):
        body = struct.pack(">BBHHHI", 8, 0, 0, self.echo_id, n & 0xFFFF, n)
        total = sum(struct.unpack(f">{len(body) // 2}H", body))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        self.sock.send(body[:2] + struct.pack(">H", ~total & 0xFFFF) + body[4:])

    def take(self, packet):
        packet = packet[(packet[0] & 15) * 4 :]
        kind, _, _, ident, _, n = struct.unpack_from(">BBHHHI", packet)
        if kind == 0 and ident == self.echo_id:
            self.answers.add(n)


class Typing(Exchange):
    """One connection; a line is a number."""

    def __init__(self, make, serve, host):
        super().__init__("typed lines")
        self.listener = serve(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, TCP_PORT))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        self.sock = make(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect((host, TCP_PORT))
        self.rest = b""

    def _serve(self):
        conn, _ = self.listener.accept()
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data)

    def ask(self, n):
        self.sock.sendall(b"%d\n" % n)

    def take(self, data):
        if not data:
            raise OSError("the connection was closed")
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if int(line) != len(self.answers) + 1:
                raise OSError(f"line {len(self.answers) + 1} came as {line!r}")
            self.answers.add(int(line))

    def sent_again(self):
        return struct.unpack_from("I", self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), TCPI_TOTAL_RETRANS)[0]


class Questions(Exchange):
    def __init__(self, make, serve, host):
        super().__init__("questions over UDP")
        self.server = serve(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind((host, UDP_PORT))
        threading.Thread(target=self._serve, daemon=True).start()
        self.sock = make(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((host, UDP_PORT))

    def _serve(self):
        while True:
            question, frm = self.server.recvfrom(4096)
            self.server.sendto(b"answer to " + question, frm)

    def ask(self, n):
        self.sock.send(b"%d" % n)

    def take(self, data):
        self.answers.add(int(data.removeprefix(b"answer to ")))


class Beside:
    """@make, @serve: sockets of the client's and of the server's namespace."""

    def __init__(self, make, serve, host):
        self.typing = Typing(make, serve, host)
        self.all = [Ping(make, host), self.typing, Questions(make, serve, host)]
        for x in self.all:
            x.start()

    def going(self, text_of):
        """Ten more of each are answered. What is missing, as text."""
        marks = [x.asked + 10 for x in self.all]
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if all(len(x.answers) >= mark or x.fault for x, mark in zip(self.all, marks)):
                break
            time.sleep(EVERY_S)
        return ", ".join(f"{x.what} {text_of}: {x.fault or 'no answer'}" for x, mark in zip(self.all, marks) if len(x.answers) < mark)

    def end(self):
        """What each has asked and not been answered: (name, asked, missing, fault)."""
        out = []
        for x in self.all:
            asked, answered = x.result()
            out.append((x.what, asked, asked - answered, x.fault))
        return out
