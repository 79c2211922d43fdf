"""The steady load: one run of `chasqui-load steady`, and what its record says."""
import array
import bisect
import contextlib
import glob
import json
import os
import shutil
import subprocess
import threading
import time

from .site import Failed

MS = 1_000_000
HELD = 0.8  # of the rate, or the run is not judged


class Load:
    """Frames between all clients at a steady rate, from begin to end()."""

    def __init__(self, site, rate, clients, cpu=None, seconds=180, payload=None):
        self.site, self.rate, self.clients = site, rate, clients
        self.record = f"{site.dir}/record"
        self.drops = site.net.cable_drops()
        command = ["ip", "netns", "exec", site.net.load]
        if cpu is not None:
            command += ["taskset", "-c", str(cpu)]
        if shutil.which("chrt") and subprocess.run(["chrt", "-f", "1", "true"], check=False, capture_output=True).returncode == 0:
            command += ["chrt", "-f", "1"]  # it sleeps most of the time, but wakes when it must
        command += [site.program["chasqui-load"], "steady", "--dir", f"{site.dir}/load", "--invitation",
                    f"{site.dir}/invitation", "--rate", rate, "--sessions", clients, "--seconds", seconds, "--record",
                    self.record, *(["--payload", payload] if payload else [])]  # fmt: skip
        self.began = time.monotonic_ns()
        with open(f"{site.dir}/load.log", "ab") as log:
            self.proc = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._event("started", 90)

    def _read(self):
        for line in self.proc.stdout:
            self.events.append(json.loads(line))

    def _event(self, name, seconds):
        end = time.monotonic() + seconds
        while True:
            over = not self.reader.is_alive()  # looked at first: it may read the event just now
            found = [e for e in self.events if e["event"] == name]
            if found:
                return found[-1]
            if over:
                with open(f"{self.site.dir}/load.log", encoding="utf-8", errors="replace") as f:
                    raise Failed(f"chasqui-load has ended: {f.read()[-400:]}")
            if time.monotonic() > end:
                raise Failed(f"chasqui-load: no '{name}' within {seconds} s")
            time.sleep(0.005)

    def replay(self):
        """Send frames that have arrived once more. How many were sent."""
        before = len([e for e in self.events if e["event"] == "replayed"])
        self.proc.stdin.write("replay\n")
        self.proc.stdin.flush()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            done = [e for e in self.events if e["event"] == "replayed"]
            if len(done) > before:
                return done[-1]["frames"]
            time.sleep(0.005)
        raise Failed("chasqui-load: the replay was not sent")

    def end(self):
        self.proc.stdin.write("end\n")
        self.proc.stdin.flush()
        return self._record(30)

    def end_by_itself(self, seconds):
        """After its seconds, within @seconds."""
        return self._record(seconds)

    def _record(self, seconds):
        figures = self._event("ended", seconds)
        self.proc.wait(timeout=10)
        frames = array.array("Q")
        with open(self.record, "rb") as f:
            frames.frombytes(f.read())
        os.unlink(self.record)
        log_in_s = (self._event("started", 0)["ns"] - self.began) / 1e9
        return Record(self.rate, figures, frames, self.site.net.cable_drops() - self.drops, log_in_s)

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()


class Watch(threading.Thread):
    """When a thread of the dataplane was ready to run for long, and was not let: a worker that beats late by no fault of its own."""

    EVERY_S = 0.01
    LONG_NS = 25 * MS

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_, self.ending, self.starved = daemon, False, []
        self.start()

    def run(self):
        waited = {}
        before = time.monotonic_ns()
        while not self.ending:
            time.sleep(self.EVERY_S)
            now, longest = time.monotonic_ns(), 0
            for path in glob.glob(f"/proc/{self.daemon_.proc.pid}/task/*/schedstat"):
                with contextlib.suppress(OSError, ValueError, IndexError), open(path, encoding="ascii") as f:
                    ns = int(f.read().split()[1])
                    longest = max(longest, ns - waited.get(path, ns))
                    waited[path] = ns
            if longest > self.LONG_NS or now - before > self.LONG_NS * 4:
                self.starved.append((min(before, now - longest), now))
            before = now

    def end(self):
        self.ending = True
        self.join()
        return self.starved


class Record:
    """What happened to every frame of a run. Times: ns of CLOCK_MONOTONIC."""

    def __init__(self, rate, figures, frames, cable_drops, log_in_s):
        self.rate, self.figures, self.cable_drops = rate, figures, cable_drops
        self.frames, self.log_in_s = frames, log_in_s  # the latter: until all clients had their sessions
        self.sent = len(frames) // 2
        self.lost = [frames[i] for i in range(0, len(frames), 2) if not frames[i + 1]]  # when they were sent
        self.first, self.last = frames[0], frames[-2]
        self._arrived = sorted(t for t in frames[1::2] if t)

    def lost_between(self, a, b):
        return [t for t in self.lost if a <= t <= b]

    def gap_us(self, a, b):
        """The longest time between two arrivals at the clients, of those that touch [@a, @b]."""
        times = self._arrived
        lo, hi = max(bisect.bisect_left(times, a) - 1, 0), bisect.bisect_right(times, b) + 1
        return max((y - x for x, y in zip(times[lo:hi], times[lo + 1 : hi])), default=b - a) // 1000

    def distrust(self, around, starved):
        """
        Why this run tells nothing of the relay, or ''. @around: moments at most of which the generator had to be awake.
        @starved: times in which the relay's own threads were not let run, (from, to).
        """
        f = self.figures
        if f["socket_drops"]:
            return f"{f['socket_drops']} frames found no room in the clients' own sockets"
        planned = (self.last - self.first) * self.rate / 1e9
        if self.sent < HELD * planned:
            return f"the generator sent {self.sent} of {planned:.0f} frames: it was not given the time"
        asleep = [m for m in around if any(ns > 20 * MS and at - 60 * MS < m < at + ns + 60 * MS for at, ns in f["stalls"])]
        if len(asleep) > len(around) / 5:
            return f"the generator was away for more than 20 ms at {len(asleep)} of {len(around)} moments that matter"
        for a, b in starved:
            # what waits for a worker comes too late when it is refused as too old, and is lost when the ring is full
            if self.lost_between(a - 60 * MS, b):
                return f"the relay's worker was not let run for {(b - a) // MS} ms"
        if self.cable_drops and self.lost:
            return f"{self.cable_drops} packets found no room in the virtual cable"
        return ""
