"""
What is done to the relay under load, and what its clients may lose by it.

kill      kill -9 of the dataplane, a gap without it, started again
stop      the dataplane is stopped (SIGSTOP) for the gap, then goes on
control   kill -9 of the control process, a gap without it, started again
upgrade   the dataplane is ended and started again, so that the program is replaced, many times

In the gap, and after it, frames that have arrived are sent once more: each must be refused.
"""
import bisect
import os
import signal
import time

from .load import MS, Load, Watch
from .site import Net, Site

BEAT_NS = 50 * MS  # a worker whose heartbeat is older is taken for dead
# The program's clock is the kernel's coarse one, up to a tick behind the worker's, and a client stamps a frame just
# before it is on its way.
CLOCK_MONOTONIC_COARSE = 6
MARGIN_NS = 2 * int(time.clock_getres(CLOCK_MONOTONIC_COARSE) * 1e9) + MS
SETTLE_S = 0.5
WORK_S = 0.1  # of a new process before it is replaced again
TRIES = 5


class Result:
    """One phase that could be judged, or why not."""

    def __init__(self, name, record, moments, why):
        self.name, self.record, self.moments, self.why = name, record, moments, why
        begin, back = moments[0], moments[-2]
        self.begin = begin
        self.sent, self.lost = record.sent, len(record.lost)
        f = record.figures
        self.replayed, self.duplicated = f["replayed"], f["duplicated"]
        self.seq_repeated, self.seq_backwards, self.bad = f["seq_repeated"], f["seq_backwards"], f["bad"]
        self.lost_after = len(record.lost_between(begin + BEAT_NS + MARGIN_NS, record.last))
        self.lost_before = len(record.lost_between(0, begin - BEAT_NS - MARGIN_NS))
        self.gap_us = record.gap_us(begin, back)
        self.quiet_gap_us = record.gap_us(record.first + 100 * MS, begin - 50 * MS)
        self.back_gap_us = record.gap_us(back, record.last)

    def lost_at(self):
        """Where in the event the lost ones were sent: {moment passed last: [how many, ms behind it of first and last]}."""
        out = {}
        for t in self.record.lost:
            n = bisect.bisect_right(self.moments, t)
            ms = round((t - self.moments[max(n - 1, 0)]) / MS, 1)
            out.setdefault(n, [0, ms, ms])[0] += 1
            out[n][2] = ms
        return out

    def most(self):
        """Frames sent while a dead worker's heartbeat was young."""
        return int(self.record.rate * (BEAT_NS + MARGIN_NS) / 1e9)

    def line(self):
        out = {"sent": self.sent, "lost": self.lost, "lost_at": self.lost_at(), "gap_us": self.gap_us,
               "gap_us_quiet": self.quiet_gap_us, "gap_us_back": self.back_gap_us, "replayed": self.replayed,
               "replays_taken": self.duplicated, "seq_repeated": self.seq_repeated, "seq_backwards": self.seq_backwards,
               "cable_drops": self.record.cable_drops, "notices": self.record.figures["notices"], "bad": self.bad}  # fmt: skip
        if self.why:
            out["inconclusive"] = self.why
        return out


class Plan:
    """How large a measurement is."""

    def __init__(self, rate=20000, clients=100, gap_s=2, upgrades=20, cpu=None):
        self.rate, self.clients, self.gap_s, self.upgrades, self.cpu = rate, clients, gap_s, upgrades, cpu


def _gap(load, plan):
    """Time without a process; in its middle come replays."""
    time.sleep(plan.gap_s / 2)
    load.replay()
    time.sleep(plan.gap_s / 2)


# Each returns the moments of what was done, ns, in order: when a process ended or stopped, when it was called back,
# when it was there again, and so on.


def kill(site, load, plan):
    begin = site.dataplane.kill()
    _gap(load, plan)
    return [begin, time.monotonic_ns(), site.dataplane_up()]


def stop(site, load, plan):
    begin = site.dataplane.signal(signal.SIGSTOP)
    _gap(load, plan)
    return [begin, site.dataplane.signal(signal.SIGCONT), time.monotonic_ns()]


def control(site, load, plan):
    begin = site.control.kill()
    _gap(load, plan)
    return [begin, time.monotonic_ns(), site.control_up()]


def upgrade(site, load, plan):
    moments = []
    for _ in range(plan.upgrades):
        moments += [site.dataplane.stop(), time.monotonic_ns(), site.dataplane_up()]
        time.sleep(WORK_S)
    load.replay()
    return moments


PHASES = {"kill": kill, "stop": stop, "control": control, "upgrade": upgrade}


def measure(site, name, plan, say=lambda text: None):
    """One phase; again when the generator was not given its time, at most TRIES times. A Result."""
    for left in reversed(range(TRIES)):
        load = Load(site, plan.rate, plan.clients, plan.cpu)
        watch = Watch(site.dataplane)
        try:
            time.sleep(SETTLE_S)
            moments = PHASES[name](site, load, plan)
            time.sleep(SETTLE_S)
            load.replay()
            time.sleep(SETTLE_S / 2)
            record = load.end()
        finally:
            load.kill()
            starved = watch.end()
        r = Result(name, record, moments, record.distrust(moments, starved))
        if not r.why:
            break
        say(f"{name}: {r.why}" + (", again" if left else ""))
    return r


def cpus():
    """One for the generator, one for the relay's worker, apart where there are two."""
    have = sorted(os.sched_getaffinity(0))
    return have[0], have[-1]


def row(driver, plan, results):
    """What bench/run prints of one driver; null where a phase could not be judged."""
    good = {n: r for n, r in results.items() if not r.why}

    def of(name, value):
        return value(good[name]) if name in good else None

    out = {"bench": "failover", "driver": driver, "clients": plan.clients, "rate": plan.rate,
           "sent": sum(r.sent for r in results.values())}  # fmt: skip
    for name in PHASES:
        out[f"lost_{name}"] = of(name, lambda r: r.lost)
        out[f"gap_us_{name}"] = of(name, lambda r: r.gap_us)
    for name in ("kill", "stop"):  # when the first and the last of them were sent, from the event
        out[f"lost_ms_{name}"] = of(name, lambda r: [round((t - r.begin) / MS, 1) for t in (r.record.lost[0], r.record.lost[-1])]
                                    if r.lost else [])  # fmt: skip
    out["lost_after_50_ms"] = sum(r.lost_after for n, r in good.items() if n in ("kill", "stop"))
    out["gap_us_quiet"] = max((r.quiet_gap_us for r in good.values()), default=None)
    for key in ("replayed", "duplicated", "seq_repeated", "seq_backwards", "bad"):
        out[key] = sum(getattr(r, key) for r in results.values())
    out["upgrades"] = plan.upgrades
    why = {n: r.why for n, r in results.items() if r.why}
    return {**out, "inconclusive": why} if why else out


def bench(driver, programs, plan, worker_cpu, say):
    """All phases on a site of their own: a row."""
    net = site = None
    try:
        net = Net()
        site = Site(programs, net, driver, plan.clients, [worker_cpu])
        return row(driver, plan, {name: measure(site, name, plan, say) for name in PHASES})
    finally:
        for made in (site, net):
            if made:
                made.close()
