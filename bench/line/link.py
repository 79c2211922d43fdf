"""
bench/line/link: `bench/run line` and `bench/run latency`: a relay or DPDK's testpmd at one end of a memif, the generator at
the other.

    core A: bench-line  ── memif (shared memory) ──  core B: chasqui-dataplane, driver dpdk, one worker
                                                     or      dpdk-testpmd, forward mode macswap
"""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

HUGE = "/proc/sys/vm/nr_hugepages"
SATURATED = 0.05  # share of the generator's turns that find nothing to do: then the relay is the slower end
ADDRESS = "192.168.47.1"  # LINE_SERVER of line/line.h
WAIT_S = 60


class Failed(Exception):
    """A process that did not do its part, and what it said."""


@contextlib.contextmanager
def hugepages(count):
    """@count more huge pages for the time; True if they are there."""
    def change(by):
        with open(HUGE, "r+", encoding="ascii") as f:
            was = int(f.read())
            f.seek(0)
            f.write(str(max(0, was + by)))
        with open(HUGE, encoding="ascii") as f:
            return int(f.read()) - was

    got = 0
    with contextlib.suppress(OSError):
        got = change(count)
    try:
        yield got == count
    finally:
        if got:
            change(-got)


def tables_of(opt, huge):
    return opt.tables if opt.tables != "auto" else "huge" if huge else "file"


def pages_for(sessions):
    """Of 2 MiB: packet memory of both ends, and tables."""
    return 256 + sessions * 1024 // (2 << 20)


class Bench:
    def __init__(self, programs, sessions, payload, cpus, tables, huge):
        """@programs: name -> path. @cpus: (generator's, relay's)."""
        self.programs, self.sessions, self.payload, self.huge = programs, sessions, payload, huge
        self.here, self.there = cpus
        where = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="chq-line-", dir=where))
        (self.dir / "run").mkdir()
        (self.dir / "huge").mkdir()
        if huge:
            subprocess.run(["mount", "-t", "hugetlbfs", "none", self.dir / "huge"], check=True)
        self.instance = f"line{os.getpid()}"
        self.socket = self.dir / "memif"
        self.conf = self.dir / "chasqui.yaml"
        self.conf.write_text(f"""
paths: {{run: {self.dir}/run}}
users: {{control: "", dataplane: ""}}
dataplane:
  instance: {self.instance}
  driver: dpdk
  ports: ["{self.vdev('server')}"]
  addresses: ["{ADDRESS}"]
  workers: 1
  cores: [{self.there}]
  main_core: {self.there}
  sessions: {max(self.sessions * 17 // 16 + 64, 1024)}
  accounts: {max(self.sessions, 1024)}
  hugepages: {'required' if huge else 'off'}
  tables: {tables}
  bpffs: {self.dir}/bpf
  hugetlbfs: {self.dir}/huge
""")

    def vdev(self, role):
        extra = ",zero-copy=yes" if role == "client" and self.huge else ""
        return f"net_memif0,role={role},socket={self.socket},socket-abstract=no,rsize=11{extra}"

    def close(self):
        subprocess.run([self.programs["chasqui-dataplane"], "-c", self.conf, "detach"], capture_output=True, check=False)
        if self.huge:
            subprocess.run(["umount", self.dir / "huge"], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- opposites ---

    @contextlib.contextmanager
    def relay(self):
        """A relay with all sessions open; a function that asks it. In a network namespace of its own."""
        self.run(["bench-line", "--prepare", self.conf, "--sessions", self.sessions])
        with open(self.dir / "log", "w+", encoding="utf-8") as log:
            p = subprocess.Popen(["unshare", "--net", self.programs["chasqui-dataplane"], "-c", self.conf, "run"],
                                 stdin=subprocess.DEVNULL, stderr=log)
            try:
                self.wait(p, lambda: "event=ready" in (self.dir / "log").read_text(), self.dir / "log")
                self.peer = p.pid
                yield self.ask
            finally:
                p.terminate()
                p.wait()
                self.socket.unlink(missing_ok=True)
                subprocess.run([self.programs["chasqui-dataplane"], "-c", self.conf, "detach"], capture_output=True, check=False)

    @contextlib.contextmanager
    def testpmd(self):
        exe = shutil.which("dpdk-testpmd")
        if not exe:
            raise Failed("dpdk-testpmd is not installed (Debian: dpdk-dev)")
        memory = ["--in-memory"] if self.huge else ["--no-huge", "-m", "256"]
        with open(self.dir / "testpmd", "w+", encoding="utf-8") as log:
            p = subprocess.Popen(
                [exe, f"--lcores=0@{self.there},1@{self.there}", "--no-pci", "--no-telemetry", "--iova-mode=va",
                 f"--file-prefix=line-{os.getpid()}", *memory, f"--vdev={self.vdev('server')}", "--",
                 "--interactive", "--forward-mode=macswap", "--nb-cores=1", "--burst=32", "--txd=1024", "--rxd=1024",
                 "--total-num-mbufs=16384", "--auto-start", "--disable-link-check"],
                stdin=subprocess.PIPE, stdout=log, stderr=log)  # fmt: skip
            try:
                log_path = self.dir / "testpmd"
                self.wait(p, lambda: "testpmd>" in log_path.read_text(), log_path)  # its port is started
                self.peer = p.pid
                yield None
            finally:
                with contextlib.suppress(OSError):
                    p.stdin.write(b"stop\nquit\n")
                    p.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    p.wait(5)
                if p.poll() is None:
                    p.kill()
                p.wait()
                self.socket.unlink(missing_ok=True)

    def wait(self, p, ready, log):
        end = time.monotonic() + WAIT_S
        while not ready():
            if p.poll() is not None or time.monotonic() > end:
                raise Failed(f"{log.name}: {log.read_text()[-600:]}")
            time.sleep(0.02)

    def ask(self, verb):
        """What the relay says to `chasquictl dp VERB`."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(f"{self.dir}/run/dataplane-{self.instance}-status.sock")
            s.sendall(json.dumps({"id": 1, "noun": "dp", "verb": verb, "opts": {}}).encode() + b"\n")
            line = b""
            while not line.endswith(b"\n"):
                line += s.recv(65536)
        return json.loads(line)["data"]

    # --- generator ---

    def run(self, command):
        argv = [self.programs[command[0]], *(str(a) for a in command[1:])]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise Failed(done.stderr.strip()[-600:] or f"{argv[0]} ended with {done.returncode}")
        return done.stdout

    def generate(self, swap=False, samples=20, rate=0, frames=1 << 17):
        out = self.run(["bench-line", "--vdev", self.vdev("client"), "--sessions", self.sessions, "--payload", self.payload,
                        "--cpu", self.here, "--peer-cpu", self.there, "--peer-pid", self.peer,
                        "--samples", samples, "--frames", frames,
                        *(["--swap"] if swap else []), *([] if self.huge else ["--no-huge"]),
                        *(["--rate", int(rate)] if rate else [])])  # fmt: skip
        return json.loads(out.splitlines()[-1])


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


# --- benchmarks ---

FAR = "every sample of one side or both rejected: a word takes {:.0f} ns between the cores and back, 200 is too much"
PATIENCE = 8  # tries
LOADS = (10, 50, 80)  # percent of the frames/s that the relay has forwarded


def total(results, key):
    return sum(r[key] for r in results)


def pairs(bench, rounds, samples):
    """Relay and testpmd in turns, so that both meet the same moods of the machine."""
    relay, plain = [], []
    for _ in range(rounds):
        with bench.relay() as ask:
            relay.append(bench.generate(samples=samples))
            relay[-1]["drops"] = {k: v for k, v in ask("stats")["total"].items() if k.startswith("drop-")}
        with bench.testpmd():
            plain.append(bench.generate(swap=True, samples=samples))
    return relay, plain


def line(programs, opt, cpus, quick):
    with hugepages(pages_for(opt.sessions)) as huge:
        bench = Bench(programs, opt.sessions, opt.payload, cpus, tables_of(opt, huge), huge)
        try:
            relay, plain = pairs(bench, 1 if quick else opt.rounds, 8 if quick else opt.samples)
        finally:
            bench.close()
    if total(relay, "wrong") or total(plain, "wrong"):
        raise Failed(f"{total(relay, 'wrong')} frames came back wrong from the relay, {total(plain, 'wrong')} from testpmd")
    ours, theirs = median([r["mpps"] for r in relay]), median([r["mpps"] for r in plain])
    waits = median([r["waits"] for r in relay])
    pong = median([r["pong_ns"] for r in relay + plain])
    return [{
        "bench": "line",
        "sessions": opt.sessions,
        "payload": opt.payload,
        "hugepages": huge,
        "relay_mpps": ours,
        "testpmd_mpps": theirs,
        "ratio": round(ours / theirs, 3) if ours and theirs else None,
        "loss": total(relay, "lost") / total(relay, "frames"),
        "busy_ns": round(1000 / ours, 1) if ours and waits > SATURATED else None,
        "frames": total(relay, "frames"),
        "pong_ns": pong,
        "samples_kept": total(relay + plain, "kept"),
        "samples_rejected": total(relay + plain, "rejected"),
        **({"drops": relay[-1]["drops"]} if total(relay, "lost") else {}),
        **({} if ours and theirs else {"inconclusive": FAR.format(pong)}),
    }]


def patiently(generate):
    """Again, some times, while the cores are too far apart for a single sample."""
    for _ in range(PATIENCE):
        result = generate()
        if result["kept"]:
            break
    return result


def latency(programs, opt, cpus, quick):
    samples = 4 if quick else opt.samples
    rows = []
    with hugepages(pages_for(opt.sessions)) as huge:
        bench = Bench(programs, opt.sessions, opt.payload, cpus, tables_of(opt, huge), huge)
        try:
            with bench.relay():
                top = patiently(lambda: bench.generate(samples=samples))
                for load in LOADS if top["mpps"] else ():
                    rate = top["mpps"] * 1e4 * load
                    rows.append((load, top["mpps"], patiently(
                        lambda rate=rate: bench.generate(samples=samples, rate=rate, frames=1 << 16))))
        finally:
            bench.close()
    if not rows:
        raise Failed(FAR.format(top["pong_ns"]))
    return [{"bench": "latency", "sessions": opt.sessions, "payload": opt.payload, "load_pct": load,
             "line_mpps": top, "sent_mpps": r["mpps"], "p50_us": r["p50_us"], "p99_us": r["p99_us"], "p999_us": r["p999_us"],
             "lost": r["lost"], "samples_kept": r["kept"], "samples_rejected": r["rejected"]}
            for load, top, r in rows]  # fmt: skip


# --- tables and options ---


def figure(v, form=".2f"):
    return "-" if v is None else format(v, form)


def line_table(rows):
    print(f"{'sessions':>10} {'payload B':>10} {'relay Mpps':>11} {'testpmd Mpps':>13} {'ratio':>7} {'loss':>9} "
          f"{'busy ns':>8} {'kept':>6} {'rejected':>9}")
    for r in rows:
        print(f"{r['sessions']:>10} {r['payload']:>10} {figure(r['relay_mpps']):>11} {figure(r['testpmd_mpps']):>13} "
              f"{figure(r['ratio']):>7} {r['loss']:>9.1e} {figure(r['busy_ns'], '.0f'):>8} {r['samples_kept']:>6} "
              f"{r['samples_rejected']:>9}")
    for why in {r["inconclusive"] for r in rows if "inconclusive" in r}:
        print(f"\ninconclusive: {why}")
    print("\nThrough shared memory between two cores; samples while the cores were 200 ns apart or more are rejected.")


def latency_table(rows):
    print(f"{'load %':>7} {'sent Mpps':>10} {'p50 us':>8} {'p99 us':>8} {'p99.9 us':>9} {'kept':>6} {'rejected':>9}")
    for r in rows:
        print(f"{r['load_pct']:>7} {figure(r['sent_mpps']):>10} {figure(r['p50_us'], '.1f'):>8} "
              f"{figure(r['p99_us'], '.1f'):>8} {figure(r['p999_us'], '.1f'):>9} {r['samples_kept']:>6} "
              f"{r['samples_rejected']:>9}")


def options(p):
    p.add_argument("--sessions", type=int, default=1000)
    p.add_argument("--payload", type=int, default=64, help="bytes")
    p.add_argument("--rounds", type=int, default=5, help="of relay and testpmd in turns")
    p.add_argument("--samples", type=int, default=20, help="of 131,072 frames in each")
    p.add_argument("--tables", default="auto", choices=["auto", "huge", "bpf", "file"],
                   help="where the relay's tables lie; auto: in huge pages if they can be had")
