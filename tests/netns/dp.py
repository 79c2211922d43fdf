"""
What the driver scenarios share: network namespaces, a dataplane process, a control process's end of its socket and
clients, by PROTOCOL.md and proto/dpcmd.h. Nothing here asserts; the scenarios do, at the receivers.
"""
import ctypes
import json
import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SKIP = 77
PORT = 4700
CERT_LEN, HELLO_LEN, RETRY_LEN, HDR_LEN = 148, 1200, 188, 48
HELLO, RETRY, WELCOME, FRAME = 0x08, 0x09, 0x0A, 0x0B
F_HOP, F_RECEIPT, F_STORE, F_PING, F_NOTICE = 1, 2, 4, 8, 16
NOTICE_PATH = 4

libc = ctypes.CDLL(None, use_errno=True)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def check(truth, text):
    if not truth:
        raise AssertionError(text)
    print(f"ok - {text}", flush=True)


def wait_for(what, seconds, text):
    """Ask @what() until it is true; its value. A deadline, not a pause."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {text}")
        time.sleep(0.01)


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True, **kw).stdout


# --- SipHash-2-4 ---

M64 = (1 << 64) - 1


def rotl(x, n):
    return (x << n | x >> (64 - n)) & M64


def siphash(key, data):
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    tail = len(data) % 8
    words = list(struct.unpack(f"<{len(data) // 8}Q", data[: len(data) - tail]))
    words.append(int.from_bytes(data[len(data) - tail :], "little") | (len(data) & 255) << 56)
    for i, m in enumerate(words + [None] * 2):
        if m is None and i > len(words):
            break
        if m is None:
            v2 ^= 0xFF
        else:
            v3 ^= m
        for _ in range(4 if m is None else 2):
            v0 = (v0 + v1) & M64
            v1 = rotl(v1, 13) ^ v0
            v0 = rotl(v0, 32)
            v2 = (v2 + v3) & M64
            v3 = rotl(v3, 16) ^ v2
            v0 = (v0 + v3) & M64
            v3 = rotl(v3, 21) ^ v0
            v2 = (v2 + v1) & M64
            v1 = rotl(v1, 17) ^ v2
            v2 = rotl(v2, 32)
        if m is not None:
            v0 ^= m
    return v0 ^ v1 ^ v2 ^ v3


def grant(key, sender, receiver, day, epoch=0):
    """proto/grant.h, for an account; epoch: the sender's."""
    mac = siphash(key, struct.pack("<QQ", 1 << 62 | epoch << 48 | sender, day << 48 | receiver))
    return day << 48 | mac & (1 << 48) - 1


def today():
    return int((time.time() - 1577836800) // 86400)


def party(account, device=1):
    return 1 << 56 | device << 48 | account


# --- namespaces ---


class Net:
    """Namespaces with unique names, removed at the end, whatever happens."""

    def __init__(self):
        if os.geteuid() != 0:
            skip("needs root")
        self.tag = f"chq{os.getpid()}"
        self.names = []

    def add(self, name):
        ns = f"{self.tag}{name}"
        run("ip", "netns", "add", ns)
        self.names.append(ns)
        self.ip(ns, "link", "set", "lo", "up")
        return ns

    def ip(self, ns, *args):
        return run("ip", "-n", ns, *args)

    def sysctl(self, ns, **values):
        for key, value in values.items():
            run("ip", "netns", "exec", ns, "sysctl", "-qw", f"{key.replace('__', '.')}={value}")

    def veth(self, server, ifname, client, number, queues=1, peer_queues=0):
        """server/ifname <-> client/eth0 with 10.77.N.1 <-> .2 and fd77:N::1 <-> ::2."""
        q = ["numrxqueues", queues, "numtxqueues", queues]
        peer = ["numrxqueues", peer_queues or queues, "numtxqueues", peer_queues or queues]
        run("ip", "link", "add", ifname, "netns", server, *q, "type", "veth", "peer", "name", "eth0",
            "netns", client, *peer)  # fmt: skip
        for ns, dev, host in ((server, ifname, 1), (client, "eth0", 2)):
            self.sysctl(ns, **{f"net__ipv6__conf__{dev}__accept_dad": 0})
            self.ip(ns, "addr", "add", f"10.77.{number}.{host}/24", "dev", dev)
            self.ip(ns, "addr", "add", f"fd77:{number}::{host}/64", "dev", dev, "nodad")
            self.ip(ns, "link", "set", dev, "up")
        # checksums that the client's kernel leaves to its card would never be finished
        run("ip", "netns", "exec", client, "ethtool", "-K", "eth0", "tx", "off")

    def close(self):
        for ns in self.names:
            subprocess.run(["ip", "netns", "del", ns], check=False)

    def socket(self, ns, family, kind=socket.SOCK_DGRAM, proto=0):
        """A socket that lives in @ns; this process stays where it is."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{ns}", os.O_RDONLY)
        try:
            if libc.setns(there, 0x40000000):
                raise OSError(ctypes.get_errno(), "setns")
            return socket.socket(family, kind, proto)
        finally:
            libc.setns(home, 0x40000000)
            os.close(there)
            os.close(home)


def ping(net, ns, host, size):
    """An echo of @size bytes; does it come back?"""
    v6 = ":" in host
    kind, answer = (128, 129) if v6 else (8, 0)
    echo = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, 1) + secrets.token_bytes(size)
    if not v6:
        total = sum(struct.unpack(f"!{len(echo) // 2}H", echo))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        echo = echo[:2] + struct.pack("!H", total ^ 0xFFFF) + echo[4:]
    with net.socket(ns, socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                    socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP) as s:  # fmt: skip
        s.sendto(echo, (host, 0))
        end = time.monotonic() + 5
        while select.select([s], [], [], max(0, end - time.monotonic()))[0]:
            got = s.recv(65536)
            got = got if v6 else got[(got[0] & 15) * 4 :]
            if got[0] == answer and got[4:] == echo[4:]:
                return True
    return False


class Hugepages:
    """@count more huge pages for the time; .there tells whether they could be had."""

    FILE = "/proc/sys/vm/nr_hugepages"

    def __init__(self, count):
        self.count, self.there = count, False

    def change(self, by):
        with open(self.FILE, "r+", encoding="ascii") as f:
            was = int(f.read())
            f.seek(0)
            f.write(str(max(0, was + by)))
        with open(self.FILE, encoding="ascii") as f:
            return int(f.read()) - was

    def __enter__(self):
        self.got = self.change(self.count) if os.path.exists(self.FILE) else 0
        self.there = self.got == self.count
        return self

    def __exit__(self, *_):
        if self.got > 0:
            self.change(-self.got)


# --- the dataplane process ---


class Dataplane:
    def __init__(self, program, ns, driver, user="", **conf):
        self.program, self.ns = program, ns
        self.dir = tempfile.mkdtemp(prefix="chq-")
        self.bpffs = f"{self.dir}/bpf"
        self.log = open(f"{self.dir}/log", "w+", encoding="utf-8")
        self.proc = None
        os.mkdir(self.bpffs)
        # `ip netns exec` has mounts of its own: what must outlive the process is mounted here
        run("mount", "-t", "bpf", "-o", "mode=0700", "chqtest", self.bpffs)
        values = {"instance": f"t{os.getpid()}", "driver": driver, "sessions": 256, "accounts": 256,
                  "tables": "bpf", "bpffs": self.bpffs, **conf}  # fmt: skip
        self.conf = f"{self.dir}/chasqui.yaml"
        self.instance = values["instance"]
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"paths:\n  run: {self.dir}\nusers:\n  control: \"\"\n  dataplane: \"{user}\"\ndataplane:\n")
            for key, value in values.items():
                f.write(f"  {key}: {json.dumps(value) if isinstance(value, list) else value}\n")

    def conf_replace(self, old, new):
        with open(self.conf, "r+", encoding="utf-8") as f:
            text = f.read().replace(old, new)
            f.seek(0)
            f.truncate()
            f.write(text)

    def command(self, *args):
        return ["ip", "netns", "exec", self.ns, self.program, "-c", self.conf, *args]

    def start(self):
        self.proc = subprocess.Popen(self.command("run"), stderr=self.log, stdin=subprocess.DEVNULL)
        return self

    def text(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as f:
            return f.read()

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        return self.proc.wait(timeout=20)

    def call(self, *args):
        return subprocess.run(self.command(*args), capture_output=True, text=True, check=False)

    def ask(self, verb):
        """What the read-only socket says: status, stats, ports."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(f"{self.dir}/dataplane-{self.instance}-status.sock")
            s.sendall(json.dumps({"id": 1, "noun": "dp", "verb": verb, "opts": {}}).encode() + b"\n")
            line = b""
            while not line.endswith(b"\n"):
                line += s.recv(65536)
        answer = json.loads(line)
        assert answer["ok"] and answer["id"] == 1, answer
        return answer["data"]

    def close(self):
        if self.proc and self.proc.poll() is None:
            self.kill()
        self.call("detach")
        run("umount", self.bpffs)
        self.log.close()
        subprocess.run(["rm", "-rf", self.dir], check=False)


# --- control's end of the dataplane's socket ---

DP_VERSION = 3
DP_HELLO, DP_SERVER_SET, DP_DUMP, DP_SESSION_OPEN, DP_SESSION_LOGIN, DP_DGRAM_TX = 1, 2, 3, 4, 5, 9
DP_INFO, DP_SESSION_INFO, DP_DUMP_END, DP_SESSION_OPENED, DP_DONE, DP_HELLO_RX, DP_EVENT = 64, 65, 66, 67, 68, 69, 72
PATH_LEN = 32


class Control:
    def __init__(self, dataplane):
        self.path = f"{dataplane.dir}/dataplane-{dataplane.instance}.sock"
        self.req = 0
        self.sock = None

        def connect():
            if dataplane.proc.poll() is not None:
                raise AssertionError(f"the dataplane ended:\n{dataplane.text()}")
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                s.connect(self.path)
                return s
            except OSError:
                s.close()
                return None

        self.sock = wait_for(connect, 20, "the dataplane listens")
        self.send(DP_HELLO, struct.pack("<II", DP_VERSION, 7))
        self.info = self.wait(DP_INFO)
        quota = struct.pack("<10I", *(1000000, 1000000, 1 << 31, 1 << 31) * 2, 1000, 0)
        self.send(DP_SERVER_SET, struct.pack("<4I", 1, 90, 1000, 1000) + quota * 8 + b"C" * CERT_LEN + bytes(4))

    def send(self, kind, body):
        self.req += 1
        self.sock.send(struct.pack("<HHI", kind, 8 + len(body), self.req) + body)

    def wait(self, kind, seconds=10):
        """The next message of that kind; others are passed over."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise AssertionError(f"no message {kind} from the dataplane")
            msg = self.sock.recv(4096)
            if not msg:
                raise AssertionError("the dataplane closed the socket")
            if struct.unpack_from("<H", msg)[0] == kind:
                return msg[8:]

    def log_in(self, path, account, client):
        """A session that begins as a guest's and is logged in then: a receiver without any frame. The dataplane's code."""
        slot, gen = self.open_slot(path, 0, client)
        self.send(DP_SESSION_LOGIN, struct.pack("<IHHQ", slot, gen, 0, account) + client.grant_key
                  + struct.pack("<4BI4H", 1, 1, 1, 0, 3600, 0, 0, 0, 0))  # fmt: skip
        client.slot, client.account, client.seq = slot, account, 0
        return struct.unpack_from("<i", self.wait(DP_DONE))[0]

    def open_session(self, path, account, client):
        return self.open_slot(path, account, client)[0]

    def open_slot(self, path, account, client):
        self.send(DP_SESSION_OPEN,
                  path + client.tag_out + client.tag_in + secrets.token_bytes(64) + client.grant_key
                  + struct.pack("<Q4B3I", account, account != 0, 1, account != 0, 0, 60, 3600, 0) + bytes(16))  # fmt: skip
        slot, gen, _, err, _ = struct.unpack("<IHHiI", self.wait(DP_SESSION_OPENED))
        if err:
            raise AssertionError(f"session refused: {err}")
        return slot, gen

    def close(self):
        self.sock.close()


# --- a client ---


class Client:
    def __init__(self, net, ns, server, family=None):
        self.family = family or (socket.AF_INET6 if ":" in server else socket.AF_INET)
        self.server = server
        self.sock = net.socket(ns, self.family)
        self.sock.connect((server, PORT))
        self.tag_in, self.tag_out = secrets.token_bytes(16), secrets.token_bytes(16)
        self.grant_key = secrets.token_bytes(16)
        self.slot, self.seq, self.account = 0, 0, 0

    def receive(self, seconds):
        if not select.select([self.sock], [], [], seconds)[0]:
            return None
        try:
            return self.sock.recv(4096)
        except ConnectionRefusedError:  # nobody listens in the kernel while the program is not there
            return None

    def ask(self, dgram, kind, tries=50):
        """Send until an answer of that kind comes."""
        for _ in range(tries):
            try:
                self.sock.send(dgram)
            except ConnectionRefusedError:
                pass
            answer = self.receive(0.2)
            if answer and answer[0] == kind:
                return answer
        raise AssertionError(f"no answer of type {kind} from {self.server}")

    def log_in(self, control, account):
        """HELLO, RETRY, HELLO; the handshake itself is skipped: control gives the keys that we have."""
        nonce = secrets.token_bytes(16)
        retry = self.ask((struct.pack("<4B", HELLO, 1, 1, 0) + nonce).ljust(HELLO_LEN, b"\0"), RETRY)
        assert len(retry) == RETRY_LEN and retry[4:20] == nonce and retry[40:] == b"C" * CERT_LEN
        noise = secrets.token_bytes(96)
        hello = struct.pack("<4B", HELLO, 1, 1, 0) + nonce + retry[20:40] + struct.pack("<HH", len(noise), 0) + noise
        self.sock.send(hello.ljust(HELLO_LEN, b"\0"))
        rx = control.wait(DP_HELLO_RX)
        assert rx[PATH_LEN + 8 :][:20] == hello[:20]
        path = self.path = rx[:PATH_LEN]
        self.account, self.seq = account, 0
        self.slot = control.open_session(path, account, self)
        welcome = struct.pack("<BBH", WELCOME, 1, 96) + nonce + secrets.token_bytes(96)
        control.send(DP_DGRAM_TX, path + struct.pack("<HHI", len(welcome), 0, 0) + welcome)
        got = self.receive(5)
        assert got == welcome, f"WELCOME arrived as {got!r}"
        self.ping()
        control.wait(DP_EVENT)  # confirmed: it can be written to now
        return self

    def frame(self, to=0, flags=0, message=1, grant_word=0, payload=b""):
        self.seq += 1
        head = struct.pack("<BBHIQQQQ", FRAME, flags, 0, self.slot, self.seq, to, message, grant_word)
        tag = siphash(self.tag_out, head + struct.pack("<H", len(payload)))
        return head + struct.pack("<Q", tag) + payload

    def ping(self, tries=50):
        for _ in range(tries):
            try:
                self.sock.send(self.frame(flags=F_PING))
            except ConnectionRefusedError:
                pass
            answer = self.receive(0.2)
            if answer and self.opened(answer) and answer[1] == F_PING:
                return answer
        raise AssertionError("PING is not answered")

    def opened(self, dgram):
        """Is this a frame from the server to us, with a right tag?"""
        if len(dgram) < HDR_LEN or dgram[0] != FRAME:
            return False
        want = siphash(self.tag_in, dgram[:40] + struct.pack("<H", len(dgram) - HDR_LEN))
        return struct.unpack_from("<Q", dgram, 40)[0] == want

    def send_to(self, other, message, payload):
        g = grant(other.grant_key, self.account, other.account, today() + 1)
        try:
            self.sock.send(self.frame(party(other.account, 0), F_RECEIPT, message, g, payload))
        except ConnectionRefusedError:
            pass

    def close(self):
        self.sock.close()


def chat(a, b, count=20):
    """@count frames each way; every one must arrive, unchanged but for its header."""
    for sender, receiver in ((a, b), (b, a)):
        for i in range(1, count + 1):
            payload = secrets.token_bytes(i * 37 % 1000)
            sender.send_to(receiver, i, payload)
            got = receiver.receive(2)
            if got is None or not receiver.opened(got):
                return False
            _, flags, _, slot, _, frm, message, g = struct.unpack_from("<BBHIQQQQ", got)
            if (flags, slot, frm, message, g) != (F_RECEIPT, receiver.slot, party(sender.account), i, 0):
                return False
            if got[HDR_LEN:] != payload:
                return False
    return True
