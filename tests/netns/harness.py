"""
What the scenarios of the whole system share: a network, a site with both daemons, people with the real client, and the
output in TAP, one line for each fact. Nothing is asserted here; the scenarios do, at the receivers.

         ns srv                        ns lan                      ns c1 … cN
    relay0 10.47.0.1  ─── veth ───┐                    ┌─── veth ─── eth0 10.47.0.11 …
           fd47::1                ├──  bridge br0  ────┤                  fd47::11 …
    chasqui-dataplane             │                    ├─── veth ─── ns c2 …
    chasqui-control               └                    └─── veth ─── ns px  eth0 10.47.0.100
                                                                     fd47::100  (a proxy, where one is wanted)

All namespaces have names with our process number and go at the end, whatever happens.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
import xdp_pass  # noqa: E402 - tools/ is no package

PORT = 4700
SERVER4, SERVER6 = "10.47.0.1", "fd47::1"
PROXY4, PROXY6 = "10.47.0.100", "fd47::100"
CLONE_NEWNET = 0x40000000
XDP_DRIVERS = ("af_xdp", "xdp")  # with a program on the relay's interface
LOG_LINES = 25  # of each daemon that are shown on failure
FRAME, F_PING, F_NOTICE, NOTICE_PATH = 0x0B, 0x08, 0x10, 4

libc = ctypes.CDLL(None, use_errno=True)


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True, **kw).stdout


def wait_for(what, seconds, text):
    """Ask @what() until it is true; its value. A deadline, not a pause."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {text}")
        time.sleep(0.02)


# --- facts ---


class Tap:
    def __init__(self):
        self.count = self.bad = 0
        self.doing = "start"

    def note(self, text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def ok(self, truth, fact, why=""):
        """One fact. A false one fails the scenario, which goes on."""
        self.count += 1
        self.bad += not truth
        print(f"{'ok' if truth else 'not ok'} {self.count} - {fact}", flush=True)
        if not truth and why != "":
            self.note(why)
        return truth

    @contextlib.contextmanager
    def fact(self, text):
        """A fact that holds when nothing in the block raises; else the scenario is over."""
        self.doing = text
        try:
            yield
        except Exception:
            self.ok(False, text)
            raise
        self.ok(True, text)


# --- network ---


class Net:
    """@xdp: the relay's program sends back into its cable, whose other end then needs a program too."""

    def __init__(self, clients, proxy=False, xdp=False):
        self.tag = f"cq{os.getpid()}"
        self.link = None
        self.made = []
        self.next_host, self.ports = 11, 0
        try:
            self.lan = self._namespace("lan")
            self.srv = self._namespace("srv")
            self.ip(self.lan, "link", "add", "br0", "type", "bridge")
            self.ip(self.lan, "link", "set", "br0", "up")
            for family in ("ip", "ip6", "arp"):  # a plain switch: the kernel may judge bridged packets otherwise
                subprocess.run(["ip", "netns", "exec", self.lan, "sysctl", "-qw", f"net.bridge.bridge-nf-call-{family}tables=0"],
                               check=False, capture_output=True)  # fmt: skip
            self._join(self.srv, "relay0", (f"{SERVER4}/24", f"{SERVER6}/64"))
            if xdp:
                with self._inside(self.lan):
                    self.link = xdp_pass.attach("p1")
            self.c = [self.client(f"c{i + 1}") for i in range(clients)]
            self.px = self._namespace("px") if proxy else None
            if proxy:
                self._join(self.px, "eth0", (f"{PROXY4}/24", f"{PROXY6}/64"))
        except BaseException:
            self.close()
            raise

    def client(self, name):
        ns = self._namespace(name)
        host, self.next_host = self.next_host, self.next_host + 1
        self._join(ns, "eth0", (f"10.47.0.{host}/24", f"fd47::{host}/64"))
        return ns

    def second_interface(self, ns, dev, *addresses):
        self._join(ns, dev, addresses)

    def _namespace(self, name):
        ns = f"{self.tag}{name}"
        run("ip", "netns", "add", ns)
        self.made.append(ns)
        self.ip(ns, "link", "set", "lo", "up")
        return ns

    def _join(self, ns, dev, addresses):
        """An interface at the bridge; its checksums are finished by the kernel, not left to a card."""
        self.ports += 1
        peer = f"p{self.ports}"
        run("ip", "link", "add", dev, "netns", ns, "type", "veth", "peer", "name", peer, "netns", self.lan)
        for address in addresses:
            self.ip(ns, "addr", "add", address, "dev", dev, *(["nodad"] if ":" in address else []))
        if ns != self.srv:
            run("ip", "netns", "exec", ns, "ethtool", "-K", dev, "tx", "off")
        self.ip(self.lan, "link", "set", peer, "master", "br0", "up")
        self.ip(ns, "link", "set", dev, "up")

    def ip(self, ns, *args):
        return run("ip", "-n", ns, *args)

    def address(self, ns, family=4):
        found = json.loads(self.ip(ns, "-j", "addr", "show", "dev", "eth0"))[0]["addr_info"]
        want = "inet" if family == 4 else "inet6"
        return next(a["local"] for a in found if a["family"] == want and a["scope"] == "global")

    def mac(self, ns, dev="eth0"):
        return json.loads(self.ip(ns, "-j", "link", "show", "dev", dev))[0]["address"]

    @contextlib.contextmanager
    def _inside(self, ns):
        """This thread is there for the time."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{ns}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(there)
            os.close(home)

    def socket(self, ns, family, kind=socket.SOCK_DGRAM, proto=0):
        """A socket that lives in @ns; this thread stays where it is."""
        with self._inside(ns):
            return socket.socket(family, kind, proto)

    def close(self):
        if self.link is not None:
            os.close(self.link)
            self.link = None
        for ns in self.made:
            subprocess.run(["ip", "netns", "del", ns], check=False, capture_output=True)


class Datagram:
    """A UDP datagram as seen on an interface."""

    def __init__(self, time_, arrives, mac, src, dst, payload):
        self.time, self.arrives, self.mac, self.src, self.dst, self.payload = time_, arrives, mac, src, dst, payload

    def frame(self):
        """(flags, app, slot, seq) of a FRAME, else None."""
        if len(self.payload) < 48 or self.payload[0] != FRAME:
            return None
        return struct.unpack_from("<BHIQ", self.payload, 1)


def datagram(packet, arrives):
    """An Ethernet packet as a Datagram; None if it is none."""
    kind, at = struct.unpack_from(">H", packet, 12)[0], 14
    if kind == 0x0800 and packet[at + 9] == 17:
        src, dst = (socket.inet_ntop(socket.AF_INET, packet[at + o : at + o + 4]) for o in (12, 16))
        at += (packet[at] & 15) * 4
    elif kind == 0x86DD and packet[at + 6] == 17:
        src, dst = (socket.inet_ntop(socket.AF_INET6, packet[at + o : at + o + 16]) for o in (8, 24))
        at += 40
    else:
        return None
    sport, dport, length = struct.unpack_from(">HHH", packet, at)
    return Datagram(time.monotonic(), arrives, packet[:6], (src, sport), (dst, dport), packet[at + 8 : at + length])


class Sniffer(threading.Thread):
    """Every UDP datagram that passes eth0 of a namespace, whoever it is for."""

    def __init__(self, net, ns):
        super().__init__(daemon=True)
        self.sock = net.socket(ns, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.sock.bind(("eth0", 3))
        self.sock.settimeout(0.1)
        self.seen, self.ending = [], False
        self.start()

    def run(self):
        while not self.ending:
            try:
                packet, address = self.sock.recvfrom(65536)
            except TimeoutError:
                continue
            self.take(packet, address[2] != 4)  # PACKET_OUTGOING

    def take(self, packet, arrives):
        d = datagram(packet, arrives)
        if d:
            self.seen.append(d)

    def from_server(self):
        return [d for d in list(self.seen) if d.arrives and d.src[1] == PORT]

    def send(self, packet):
        self.sock.send(packet)

    def close(self):
        self.ending = True
        self.join(5)
        self.sock.close()


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet4(mac_to, mac_from, src, dst, payload):
    """Ethernet, IPv4 and UDP around a payload; src and dst are (address, port), true or not."""
    a, b = socket.inet_aton(src[0]), socket.inet_aton(dst[0])
    udp = struct.pack(">HHHH", src[1], dst[1], 8 + len(payload), 0) + payload
    udp_sum = checksum(a + b + struct.pack(">HH", 17, len(udp)) + udp) or 0xFFFF
    udp = udp[:6] + struct.pack(">H", udp_sum) + udp[8:]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + a + b
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    macs = bytes.fromhex(mac_to.replace(":", "")) + bytes.fromhex(mac_from.replace(":", ""))
    return macs + b"\x08\x00" + head + udp


# --- the site ---


class Programs:
    """Where the build has put them."""

    NAMES = ("chasqui-dataplane", "chasqui-control", "chasqui", "chasquictl")

    def __init__(self, paths):
        self.path = {os.path.basename(p): os.path.abspath(p) for p in paths}
        missing = [n for n in self.NAMES if n not in self.path]
        if missing:
            raise SystemExit(f"usage: {sys.argv[0]} DRIVER {' '.join('PATH/' + n for n in self.NAMES)}")

    def __getitem__(self, name):
        return self.path[name]


class Daemon:
    """One of the two daemons; it may be killed and started again, its log goes on."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log_path = name, command, log
        self.proc = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()

    def stop(self):
        """As an operator does. Its exit code."""
        self.proc.send_signal(signal.SIGTERM)
        try:
            return self.proc.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""


class Refused(Exception):
    """chasquictl has said no."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Site:
    """Made by `chasqui-control init`, changed as an operator does it: in the file that init has written."""

    def __init__(self, programs, net, driver, **settings):
        self.programs, self.net, self.driver = programs, net, driver
        self.dir = tempfile.mkdtemp(prefix="chq-")
        self.conf = f"{self.dir}/chasqui.yaml"
        self.bpffs = f"{self.dir}/run/bpf"
        self.mounted = False
        try:
            self._init()
            self._settings(settings)
        except BaseException:
            self.close()
            raise

    def _init(self):
        out = run(self.programs["chasqui-control"], "init", "--config", self.conf, "--state", f"{self.dir}/state",
                  "--run", f"{self.dir}/run", "--port", PORT, SERVER4)  # fmt: skip
        self.invitation = out.strip().splitlines()[-1]
        # `ip netns exec` has mounts of its own: what must outlive the process is mounted here
        os.makedirs(self.bpffs, exist_ok=True)
        run("mount", "-t", "bpf", "-o", "mode=0700", "chasqui-test", self.bpffs)
        self.mounted = True
        self.dataplane = Daemon("chasqui-dataplane", self.inside(self.programs["chasqui-dataplane"], "-c", self.conf, "run"),
                                f"{self.dir}/dataplane.log")  # fmt: skip
        self.control = Daemon("chasqui-control", self.inside(self.programs["chasqui-control"], "-c", self.conf, "run"),
                              f"{self.dir}/control.log")  # fmt: skip

    def _settings(self, settings):
        base = {"users.control": '""', "users.dataplane": '""', "control.group": '""',
                "dataplane.instance": f"t{os.getpid()}", "dataplane.driver": self.driver,
                "dataplane.sessions": 1024, "dataplane.accounts": 1024, "dataplane.memory": "64MiB",
                "dataplane.hugepages": "off", "log.level": "debug"}  # fmt: skip
        if self.driver in XDP_DRIVERS:
            base["dataplane.interfaces"] = "[relay0]"
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        for key, value in {**base, **{k.replace("__", "."): v for k, v in settings.items()}}.items():
            text = setting(text, key, value)
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)

    def change(self, **settings):
        """Settings take effect when the daemon that uses them starts again."""
        self._settings(settings)

    def inside(self, *command):
        return ["ip", "netns", "exec", self.net.srv, *(str(c) for c in command)]

    def invite(self, host):
        return f"chasqui://{f'[{host}]' if ':' in host else host}:{PORT}#{self.invitation.split('#')[1]}"

    # daemons

    def start(self):
        self.dataplane.start()
        self.control.start()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=60):
        def well():
            for d in (self.dataplane, self.control):
                if not d.alive():
                    raise AssertionError(f"{d.name} has ended")
            with contextlib.suppress(Refused):
                return self.ctl("status", "show")["well"]

        wait_for(well, seconds, "both daemons are ready")

    def wait_dataplane(self, seconds=60):
        def there():
            if not self.dataplane.alive():
                raise AssertionError("chasqui-dataplane has ended")
            with contextlib.suppress(Refused):
                answer = self.ctl("dp", "status")
                return answer if "tables" in answer else None  # else it is what the files tell

        return wait_for(there, seconds, "the dataplane answers")

    # operators

    def ctl(self, *args, secret=None):
        """`data` of chasquictl's answer."""
        command = [self.programs["chasquictl"], "-c", self.conf, "-o", "json", *(str(a) for a in args)]
        p = subprocess.run(command, input=secret or "", capture_output=True, text=True, timeout=60)
        text = p.stdout.strip() or p.stderr.strip()
        try:
            answer = json.loads(text.splitlines()[-1])
        except (ValueError, IndexError):
            raise Refused(f"exit {p.returncode}", p.stdout + p.stderr) from None
        if not answer.get("ok"):
            raise Refused(answer["error"]["code"], answer["error"]["message"])
        return answer.get("data")

    def stats(self):
        return self.ctl("dp", "stats")["total"]

    def counters(self):
        return self.ctl("status", "show")["counters"]

    def status_of(self, login):
        return self.ctl("user", "show", login)["status"]

    def sessions(self, login):
        return self.ctl("user", "sessions", login)

    def befriend(self, a, b):
        self.ctl("friend", "request", a, b)
        self.ctl("friend", "confirm", b, a)

    def explain(self, tap):
        for d in (self.dataplane, self.control):
            tap.note(f"--- log of {d.name} ---")
            for line in d.log().splitlines()[-LOG_LINES:]:
                tap.note(line)

    def close(self):
        for name in ("control", "dataplane"):
            d = getattr(self, name, None)
            if d and d.alive():
                d.kill()
        if self.mounted:
            subprocess.run(self.inside(self.programs["chasqui-dataplane"], "-c", self.conf, "detach"), check=False,
                           capture_output=True)  # fmt: skip
            subprocess.run(["umount", self.bpffs], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def setting(text, key, value):
    """The configuration with one key changed where it stands, commented out or not."""
    section, _, word = key.rpartition(".")
    start = re.search(rf"^{section}:\n", text, re.M).end() if section else 0
    end = re.compile(r"^\S", re.M).search(text, start) if section else None
    line = re.compile(rf"^(\s*)#?{re.escape(word)}: .*$", re.M).search(text, start, end.start() if end else len(text))
    return text[: line.start()] + f"{line[1]}{word}: {value}" + text[line.end() :]


# --- scenarios ---


class World:
    """What one scenario has made; it goes in reverse order, whatever happens, and speaks when a fact was false."""

    def __init__(self, tap, driver, programs):
        self.tap, self.driver, self.programs = tap, driver, programs
        self.net = self.site = None
        self.made = []

    def build(self, clients, proxy=False, **settings):
        """Network and site, both daemons ready."""
        self.net = self.keep(Net(clients, proxy, self.driver in XDP_DRIVERS))
        self.site = self.keep(Site(self.programs, self.net, self.driver, **settings))
        self.site.start()

    def keep(self, thing):
        self.made.append(thing)
        return thing

    def explain(self):
        for thing in self.made:
            if hasattr(thing, "explain"):
                thing.explain(self.tap)

    def close(self):
        while self.made:
            self.made.pop().close()


def scenario(fn):
    """`SCENARIO DRIVER PROGRAM…`: run fn(world), print what is needed when it failed, clean up, exit."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(0)
    tap = Tap()
    world = World(tap, sys.argv[1], Programs(sys.argv[2:]))
    try:
        try:
            fn(world)
        except Exception:
            tap.bad += 1
            tap.note(traceback.format_exc())
        if tap.bad:
            world.explain()
    finally:
        world.close()
    print(f"1..{tap.count}")
    sys.exit(1 if tap.bad else 0)
