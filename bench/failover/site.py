"""
A relay with a load generator at the other end of one cable, in network namespaces of our own:

      ns …srv                                    ns …load
    relay0 10.48.0.1/24 ─────── veth ─────── eth0 10.48.0.2/24
           fd48::1/64                             fd48::2/64
    chasqui-dataplane, chasqui-control         chasqui-load: 100 clients, a session each

The program at the load's end lets what the relay's program sends back into the cable arrive (tools/xdp_pass.py).
Everything goes at the end, whatever happens.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import xdp_pass  # noqa: E402 - tools/ is no package

PROGRAMS = {"chasqui-dataplane": "dataplane", "chasqui-control": "control", "chasquictl": "tools", "chasqui-load": "bench/load",
            "chasqui": "client"}
SERVER4, CLIENT4, SERVER6, CLIENT6 = "10.48.0.1", "10.48.0.2", "fd48::1", "fd48::2"
PORT = 4700
CLONE_NEWNET = 0x40000000
READY_S = 60

libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """The site did not do what it must for anything to be measured."""


def run(*args, **kw):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False, **kw)
    if done.returncode:
        raise Failed(f"{' '.join(str(a) for a in args)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def until(what, text, seconds=READY_S):
    """Ask @what() until it is true; its value. A deadline, not a pause."""
    end = time.monotonic() + seconds
    while not (value := what()):
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {text}")
        time.sleep(0.01)
    return value


@contextlib.contextmanager
def inside(namespace):
    """This thread is there for the time."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


class Net:
    def __init__(self):
        tag = f"cqf{os.getpid()}"
        self.srv, self.load = f"{tag}srv", f"{tag}load"
        self.link = None
        try:
            for ns in (self.srv, self.load):
                run("ip", "netns", "add", ns)
                run("ip", "-n", ns, "link", "set", "lo", "up")
            run("ip", "link", "add", "relay0", "netns", self.srv, "type", "veth", "peer", "name", "eth0", "netns", self.load)
            # a veth leaves UDP checksums unfinished, for a card that is not there
            run("ip", "netns", "exec", self.load, "ethtool", "-K", "eth0", "tx", "off")
            for ns, dev, v4, v6 in ((self.srv, "relay0", SERVER4, SERVER6), (self.load, "eth0", CLIENT4, CLIENT6)):
                run("ip", "-n", ns, "addr", "add", f"{v4}/24", "dev", dev)
                run("ip", "-n", ns, "addr", "add", f"{v6}/64", "dev", dev, "nodad")
                run("ip", "-n", ns, "link", "set", dev, "up")
            with inside(self.load):
                self.link = xdp_pass.attach("eth0")
        except BaseException:
            self.close()
            raise

    def socket(self, ns, *args):
        with inside(ns):
            return socket.socket(*args)

    def cable_drops(self):
        """Packets that found no room in the cable's rings: neither the relay nor a client has seen them."""
        return sum(json.loads(run("ip", "-n", ns, "-s", "-j", "link", "show", "dev", dev))[0]["stats64"]["tx"]["dropped"]
                   for ns, dev in ((self.srv, "relay0"), (self.load, "eth0")))  # fmt: skip

    def close(self):
        if self.link is not None:
            os.close(self.link)
            self.link = None
        for ns in (self.load, self.srv):
            subprocess.run(["ip", "netns", "del", ns], check=False, capture_output=True)


def favour(pid):
    """A process that shares its core here, where it would have one of its own, is given time before others."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, -20)
    with contextlib.suppress(OSError), open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as f:
        f.write("-20")


class Daemon:
    def __init__(self, command, log):
        self.command, self.log, self.proc = command, log, None

    def start(self):
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        favour(self.proc.pid)

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def signal(self, number):
        """When it was sent, ns of CLOCK_MONOTONIC."""
        at = time.monotonic_ns()
        self.proc.send_signal(number)
        return at

    def kill(self):
        at = self.signal(signal.SIGKILL)
        self.proc.wait()
        return at

    def stop(self):
        """As a service manager does. When, ns."""
        at = self.signal(signal.SIGTERM)
        if self.proc.wait(timeout=30):
            raise Failed(f"{self.command[-4]} ended with {self.proc.returncode}:\n{self.tail()}")
        return at

    def tail(self, lines=25):
        with contextlib.suppress(FileNotFoundError), open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])
        return ""


def programs_of(build):
    """Where a build folder has them."""
    return {name: pathlib.Path(build) / where / name for name, where in PROGRAMS.items()}


class Site:
    """Keys, configuration and accounts as an operator makes them; then both daemons."""

    def __init__(self, programs, net, driver, clients, cores, folder="/run"):
        self.net, self.driver, self.program = net, driver, programs
        self.dir = tempfile.mkdtemp(prefix="chq-bench-", dir=folder)
        self.conf, self.bpffs, self.mounted = f"{self.dir}/etc/chasqui.yaml", f"{self.dir}/run/bpf", False
        self.instance = f"f{os.getpid()}"
        self.dataplane = Daemon(self._in_srv("chasqui-dataplane", "-c", self.conf, "run"), f"{self.dir}/dataplane.log")
        self.control = Daemon(self._in_srv("chasqui-control", "-c", self.conf, "run"), f"{self.dir}/control.log")
        try:
            self._configure(clients, cores)
            self.start(clients)
        except BaseException:
            self.close()
            raise

    def _in_srv(self, program, *args):
        return ["ip", "netns", "exec", self.net.srv, str(self.program[program]), *args]

    def _configure(self, clients, cores):
        for name, path in self.program.items():
            if not path.is_file():
                raise Failed(f"{name} is not built: {path}")
        os.makedirs(f"{self.dir}/etc/chasqui.d")
        out = run(self.program["chasqui-control"], "init", "--config", self.conf, "--state", f"{self.dir}/state",
                  "--run", f"{self.dir}/run", "--port", PORT, SERVER4)  # fmt: skip
        with open(f"{self.dir}/invitation", "w", encoding="ascii") as f:
            f.write(out.strip().splitlines()[-1] + "\n")
        # `ip netns exec` has mounts of its own: what is to outlive the process is mounted here
        os.makedirs(self.bpffs, exist_ok=True)
        run("mount", "-t", "bpf", "-o", "mode=0700", "chasqui-bench", self.bpffs)
        self.mounted = True
        interfaces = "[]" if self.driver == "socket" else "[relay0]"
        with open(f"{self.dir}/etc/chasqui.d/bench.yaml", "w", encoding="ascii") as f:
            f.write(f"""\
users: {{control: "", dataplane: ""}}
control: {{group: ""}}
log: {{level: info}}
dataplane: {{instance: {self.instance}, driver: {self.driver}, interfaces: {interfaces}, sessions: {max(1024, 32 * clients)},
  accounts: {max(1024, 2 * clients)}, hugepages: off, memory: 64MiB, cores: {cores}}}
limits: {{frames_per_second: 100000, bytes_per_second: 100MiB, handshakes_per_second: 5000, handshakes_per_prefix: 5000}}
""")

    # daemons

    def ctl(self, *args):
        """`data` of chasquictl's answer; None if there is none."""
        done = subprocess.run([self.program["chasquictl"], "-c", self.conf, "-o", "json", *args], capture_output=True,
                              text=True, check=False)  # fmt: skip
        try:
            answer = json.loads(done.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError):
            return None
        return answer.get("data") if answer.get("ok") else None

    def _well(self):
        for d in (self.dataplane, self.control):
            if not d.alive():
                raise Failed(f"a daemon has ended:\n{d.tail()}")
        return (self.ctl("status") or {}).get("well")

    def start(self, clients):
        self.dataplane.start()
        self.control.start()
        until(self._well, "both daemons are ready")
        run(self.program["chasqui-load"], "prepare", "--dir", f"{self.dir}/load", "--sessions", clients,
            "--control", f"{self.dir}/run/control.sock")  # fmt: skip

    def dataplane_up(self):
        """Start it; returns when it answers, and it must have adopted its tables."""
        self.dataplane.start()

        def there():
            if not self.dataplane.alive():
                raise Failed(f"the dataplane has ended:\n{self.dataplane.tail()}")
            return self.ctl("dp", "status")

        status = until(there, "the dataplane answers")
        if not status["tables"]["adopted"]:
            raise Failed("the dataplane did not adopt its tables")
        return time.monotonic_ns()

    def control_up(self):
        self.control.start()
        until(self._well, "both daemons are ready")
        return time.monotonic_ns()

    def detach(self):
        """Program, links and tables go; no dataplane runs."""
        return subprocess.run(self._in_srv("chasqui-dataplane", "-c", self.conf, "detach"), capture_output=True,
                              text=True, check=False)  # fmt: skip

    def close(self):
        for d in (self.control, self.dataplane):
            if d.alive():
                with contextlib.suppress(ProcessLookupError):
                    d.signal(signal.SIGCONT)
                d.kill()
        if self.mounted:
            self.detach()
            subprocess.run(["umount", self.bpffs], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
