"""
A site with clients who talk at a steady rate, and an attacker at the same cable who sends junk as fast as he can.

Each kind of junk: the same traffic with it and, before, without it. What counts is the share of the frames that
arrived. The relay's resident memory is looked at between the first flood of each kind, which touches what is there,
and the last one.
"""
import json
import os
import threading
import time

from failover.load import Load
from failover.site import CLIENT4, PORT, SERVER4, Failed, Net, Site, run

KINDS = ("hello", "cookie", "tag", "slot")
SOURCES = "198.18.0.0/15"
WARM_S = 1.0
REST_S = 1.5  # until nothing is shed any more
QUIET = 0.95  # of the frames arrive without junk; else the machine had no time for the relay


class Plan:
    def __init__(self, rate, clients, seconds, cpu, junk_rate):
        self.rate, self.clients, self.seconds, self.cpu, self.junk_rate = rate, clients, seconds, cpu, junk_rate


class Attacker:
    def __init__(self, site, sender, plan):
        self.site, self.sender, self.plan = site, sender, plan
        net = site.net
        run("ip", "-n", net.srv, "route", "add", SOURCES, "via", CLIENT4, "dev", "relay0")
        self.mac = json.loads(run("ip", "-n", net.srv, "-j", "link", "show", "dev", "relay0"))[0]["address"]

    def flood(self, kind, seconds):
        """Junk of one kind; what was sent."""
        command = ["ip", "netns", "exec", self.site.net.load, "nice", "-n", "-15", "taskset", "-c", self.plan.cpu, self.sender, "--dev", "eth0",
                   "--mac", self.mac, "--to", SERVER4, "--port", PORT, "--kind", kind, "--slots", self.plan.clients,
                   "--seconds", seconds, "--rate", self.plan.junk_rate]  # fmt: skip
        return json.loads(run(*command))


def rss_bytes(pid):
    """Counted page by page; the kernel's running total is behind by some."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Rss:"))


class Watch:
    """How the relay's counters rise; what its worker is busy with in the middle."""

    def __init__(self, site):
        self.site, self.begin, self.before = site, time.monotonic_ns(), site.ctl("dp", "stats", "--all")["total"]

    def end(self, worker):
        now, self.worker = self.site.ctl("dp", "stats", "--all")["total"], worker
        self.finish = time.monotonic_ns()
        self.seconds = (self.finish - self.begin) / 1e9
        self.rose = {k: v - self.before.get(k, 0) for k, v in now.items() if v != self.before.get(k, 0)}
        return self

    def goodput(self, record):
        """The share of the frames sent meanwhile that have arrived."""
        return 1 - len(record.lost_between(self.begin, self.finish)) / (record.rate * self.seconds)


def watch(site, seconds, action):
    """@action() under watch, which takes about @seconds."""
    w = Watch(site)
    worker = []
    middle = threading.Timer(seconds * 0.7, lambda: worker.append(site.ctl("dp", "status")["workers"][0]))
    middle.start()
    got = action()
    middle.join()
    return w.end(worker[0]), got


def favour(pid, sleeps):
    """A worker has a core of its own in earnest; where others run here too, they are to wait for it. @sleeps: it does
    not keep its core when there is nothing to do."""
    for task in map(int, os.listdir(f"/proc/{pid}/task")):
        if sleeps:
            os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(1))
        else:
            os.setpriority(os.PRIO_PROCESS, task, -20)


def kind_row(kind, w, junk, record, quiet):
    share = w.goodput(record)
    return {"kind": kind, "junk_per_s": round(junk["sent"] / junk["seconds"]),
            "junk_seen_per_s": round(w.rose.get("rx", 0) / w.seconds - record.rate), "goodput": round(share, 5),
            "goodput_ratio": round(min(share / quiet, 1.0), 5), "retry_per_s": round(w.rose.get("retry", 0) / w.seconds),
            "shed": w.rose.get("drop-shed-hello", 0), "rx_missed": w.rose.get("rx-missed", 0),
            "busy_share": w.worker["busy_share"], "sheds": w.worker["sheds"]}  # fmt: skip


def judge(driver, site, plan, attacker, tell):
    pid = site.ctl("dp", "status")["pid"]
    favour(pid, driver == "socket")
    load = Load(site, plan.rate, plan.clients, plan.cpu)
    try:
        for kind in KINDS:
            watch(site, WARM_S, lambda k=kind: attacker.flood(k, WARM_S))
        time.sleep(REST_S)
        quiet, _ = watch(site, plan.seconds, lambda: time.sleep(plan.seconds))
        before = rss_bytes(pid)
        found = []
        for kind in KINDS:
            found.append((kind, *watch(site, plan.seconds, lambda k=kind: attacker.flood(k, plan.seconds))))
            tell(f"{kind}: {found[-1][1].rose}, memory {rss_bytes(pid) - before:+}")
            time.sleep(REST_S)
        grown = rss_bytes(pid) - before
        record = load.end()
    finally:
        load.kill()
    share = quiet.goodput(record)
    if share < QUIET:
        raise Failed(f"without junk only {share:.0%} of the frames arrived: the relay was not given the time")
    rows = [kind_row(*f, record, share) for f in found]
    out = {"driver": driver, "rate": plan.rate, "clients": plan.clients, "goodput_quiet": round(share, 5),
           "rss_growth_bytes": grown, "goodput_ratio": min(r["goodput_ratio"] for r in rows), "kinds": rows,
           "cable_drops": record.cable_drops}  # fmt: skip
    if why := record.distrust([], []):
        out.update({"inconclusive": why, "goodput_ratio": None})
    return out


def bench(driver, programs, sender, plan, worker_core, tell):
    net = Net()
    try:
        site = Site(programs, net, driver, plan.clients, [worker_core])
        try:
            return judge(driver, site, plan, Attacker(site, sender, plan), tell)
        finally:
            site.close()
    finally:
        net.close()
