"""
A company of a million on one server: people/company.py makes it of a seed, an operator imports it; then what the
server does with it, over its own sockets, on disk, with the driver `socket` (failover/site.py draws the site).

A few of the load generator's accounts are put into a department that sees the whole company: they search and page.
"""
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from failover.site import Failed, Net, Site, run, until
from flood.phases import rss_bytes

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "netns"))
from ctlsock import CtlSocket  # noqa: E402 - tests/ is no package

HERE = pathlib.Path(__file__).resolve().parent
SEERS = 100
BUSY, BUSY_RATE = 100, 2000
EXPLAINS, MOVES = 5000, 200
ASK_S = 10
PASSWORDS, AT_ONCE = 32, 4
SECTIONS = ("[", "login,", "path", "department,", "effect,")  # lines that are no rows


class Plan:
    def __init__(self, accounts, departments, rules, online, seed, worker):
        self.accounts, self.departments, self.rules, self.online, self.seed, self.worker = accounts, departments, rules, online, seed, worker


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]


def connect(site):
    return CtlSocket(f"{site.dir}/run/control.sock", 600)


def good(answer):
    if not answer["ok"]:
        raise Failed(f"refused: {answer['error']}")
    return answer["data"]


def times_us(action, each):
    out = []
    for one in each:
        begin = time.perf_counter_ns()
        action(*one)
        out.append((time.perf_counter_ns() - begin) / 1000)
    return out


def high_water_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM:"))


def generator(site, verb, folder):
    return ["ip", "netns", "exec", site.net.load, site.program["chasqui-load"], verb, "--dir", f"{site.dir}/{folder}", "--invitation",
            f"{site.dir}/invitation"]  # fmt: skip


def load(site, what, sessions, in_flight, folder="load"):
    """One run of chasqui-load ask; its figures."""
    out = run(*generator(site, "ask", folder), "--what", what, "--sessions", sessions, "--in-flight", in_flight, "--seconds", ASK_S)
    return json.loads(out.strip().splitlines()[-1])


def bring_in(site, plan):
    with tempfile.NamedTemporaryFile("w", suffix=".csv", dir=site.dir) as f:
        subprocess.run([sys.executable, HERE / "company.py", "--accounts", str(plan.accounts), "--departments", str(plan.departments),
                        "--rules", str(plan.rules), "--seed", str(plan.seed)], stdout=f, check=True)  # fmt: skip
        f.flush()
        with open(f.name, encoding="utf-8") as g:
            rows = sum(not line.startswith(SECTIONS) for line in g)
        begin = time.monotonic()
        run(site.program["chasquictl"], "-c", site.conf, "--timeout", 3600, "-y", "user", "import", f.name)
        seconds = time.monotonic() - begin
    return {"import_rows": rows, "import_rows_per_s": round(rows / seconds), "import_seconds": round(seconds, 1),
            "import_peak_bytes": high_water_bytes(site.control_pid())}  # fmt: skip


def operators(site, plan, rng):
    """What an operator's questions and changes take, from his request to its answer."""
    with connect(site) as ctl:
        paths = [d["path"] for d in ctl.all("dept", "list")]
        users = [f"u{rng.randrange(plan.accounts)}" for _ in range(2 * EXPLAINS)]
        explain = times_us(lambda a, b: good(ctl.ask("policy", "explain", a, b)), zip(users[::2], users[1::2]))
        big = paths[0]
        there = {m["login"] for m in good(ctl.ask("dept", "members", big, limit="1000"))}
        movers = [u for u in dict.fromkeys(users) if u not in there][:MOVES]
        join = times_us(lambda u: ctl.ask("dept", "join", big, u), [(u,) for u in movers])
        leave = times_us(lambda u: ctl.ask("dept", "leave", big, u), [(u,) for u in movers])
    return {"explain_p50_us": round(statistics.median(explain), 1), "explain_p99_us": round(quantile(explain, 0.99), 1),
            "membership_change_ms": round(statistics.median(join + leave) / 1000, 2),
            "membership_change_p99_ms": round(quantile(join + leave, 0.99) / 1000, 2)}  # fmt: skip


def let_see(site):
    """The first of the generator's accounts see and find everybody."""
    with connect(site) as ctl, open(f"{site.dir}/load/accounts", encoding="ascii") as f:
        good(ctl.ask("dept", "add", "Seers"))
        logins = {a["account"]: a["login"] for a in ctl.all("user", "list")[: SEERS * 4]}
        for line in f.readlines()[:SEERS]:
            good(ctl.ask("dept", "join", "Seers", logins[int(line.split()[0])]))
        good(ctl.ask("policy", "add", subjects="members(Seers)", objects="tree(Company)", rights="see,search"))


def clients(site):
    one, many = load(site, "search", 2, 1), load(site, "contacts", SEERS, SEERS)
    return {"search_p50_us": one["p50_us"], "search_p99_us": one["p99_us"], "searches_refused": one["refused"],
            "contact_pages_per_s": round(many["answered_per_s"])}  # fmt: skip


def coming(site, plan):
    """Logins by device, what a session takes, and a change of everybody's presence."""
    before = rss_bytes(site.control_pid()), rss_bytes(site.dataplane_pid())
    proc, out = threading.Thread(target=lambda: out.append(load(site, "presence", plan.online, 256))), []
    most = [0, 0]
    proc.start()
    while proc.is_alive():
        most = [max(most[0], rss_bytes(site.control_pid())), max(most[1], rss_bytes(site.dataplane_pid()))]
        time.sleep(0.1)
    if not out:
        raise Failed("the sessions did not log in")
    grown = [m - b for m, b in zip(most, before)]
    return {"online": plan.online, "logins_per_s_device": round(plan.online / out[0]["login_seconds"]),
            "presence_updates_per_s": round(out[0]["pushes_per_s"]), "presence_updates": out[0]["pushes"],
            "bytes_per_online_session": round(grown[0] / plan.online), "bytes_per_online_session_all": round(sum(grown) / plan.online)}  # fmt: skip


def burst(site, plan):
    """Control is killed and comes back, then all others log in at once, while some who never left write all the time."""
    with open(f"{site.dir}/load/accounts", encoding="ascii") as f:
        lines = f.readlines()
    for folder, who in (("busy", lines[:BUSY]), ("crowd", lines[BUSY:])):
        os.mkdir(f"{site.dir}/{folder}")
        with open(f"{site.dir}/{folder}/accounts", "w", encoding="ascii") as f:
            f.writelines(who)
    before = site.ctl("status")["counters"]["session_opened"]
    with subprocess.Popen([str(a) for a in (*generator(site, "run", "busy"), "--sessions", BUSY, "--rate", BUSY_RATE, "--in-flight", 1024,
                           "--seconds", 20 + plan.online // 200, "--json")], stdout=subprocess.PIPE, text=True) as busy:  # fmt: skip
        until(lambda: site.ctl("status")["counters"]["session_opened"] >= before + BUSY, "those who write have logged in")
        site.control.kill()
        site.control_up()
        crowd = load(site, "contacts", len(lines) - BUSY, 1, "crowd")
        if busy.poll() is not None:
            raise Failed("those who write were done before all were there")
        wrote = json.loads(busy.communicate()[0].strip().splitlines()[-1])
    return {"burst_logins": crowd["sessions"], "burst_s": round(crowd["login_seconds"], 1), "burst_others_sent": wrote["load_sent"],
            "burst_others_lost": wrote["lost"], "burst_others_p99_us": wrote["p99_us"]}  # fmt: skip


def by_password(site):
    """Logins with Argon2id, several at a time, each by a device that nobody knows."""
    with connect(site) as ctl:
        for i in range(PASSWORDS):
            good(ctl.ask("user", "add", f"pw{i}", password=f"a long secret {i}"))
    with open(f"{site.dir}/invitation", encoding="ascii") as f:
        invitation = f.read().strip()
    failed, todo = [], list(range(PASSWORDS))

    def work():
        while todo:
            i = todo.pop()
            done = subprocess.run(["ip", "netns", "exec", site.net.load, site.program["chasqui"], "--home", f"{site.dir}/home{i}", "--json",
                                   "--password-stdin", "login", invitation, f"pw{i}"], input=f"a long secret {i}\n", capture_output=True,
                                  text=True, check=False, env={**os.environ, "HOME": site.dir})  # fmt: skip
            if done.returncode:
                failed.append(done.stdout + done.stderr)

    threads, begin = [threading.Thread(target=work) for _ in range(AT_ONCE)], time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise Failed(f"a login by password failed: {failed[0]}")
    return {"logins_per_s_password": round(PASSWORDS / (time.monotonic() - begin), 1)}


class Company(Site):
    """On a disk, not in memory."""

    def control_pid(self):
        return self.control.proc.pid

    def dataplane_pid(self):
        return self.ctl("dp", "status")["pid"]


def bench(plan, programs, measure, tell, row):
    """Fills @row as it goes, so that what was measured is there if it ends early."""
    rng = random.Random(plan.seed)
    row.update(accounts=plan.accounts, departments=plan.departments, rules=plan.rules, seed=plan.seed)
    net = Net()
    try:
        site = Company(programs, net, "socket", plan.online, [plan.worker], folder="/var/tmp")
        try:
            for name, phase in (("import", lambda: bring_in(site, plan)), ("operators", lambda: operators(site, plan, rng)),
                                ("seers", lambda: let_see(site)), ("clients", lambda: clients(site)), ("online", lambda: coming(site, plan)),
                                ("passwords", lambda: by_password(site)), ("burst", lambda: burst(site, plan))):  # fmt: skip
                got = phase() or {}
                row.update(got)
                tell(f"{name}: {got}")
            with connect(site) as ctl:
                stat = good(ctl.ask("store", "stat"))
            begin = time.monotonic()
            site.control.stop()
            site.control_up()
            row["restart_s"] = round(time.monotonic() - begin, 1)
            site.control.stop()
            row["bytes_per_account"] = round((stat["file_bytes"] - stat["free_bytes"]) / (plan.accounts + plan.online))
            row.update(json.loads(run(measure, f"{site.dir}/state/store")))
        finally:
            site.close()
    finally:
        net.close()


# What people read: key, text, unit, goal.
SHOWN = (
    ("import_rows_per_s", "import", "rows/s", ""), ("import_peak_bytes", "control's memory at its peak, importing", "bytes", ""),
    ("bytes_per_account", "on disk, for each account", "bytes", ""), ("restart_s", "restart of control", "s", ""),
    ("lookups_per_s", "account look-ups", "/s", ""), ("mdb_get_per_s", "mdb_get of the same records", "/s", ""),
    ("lookup_ratio", "the former to the latter", "", ">= 0.5"), ("contact_pages_per_s", "pages of contact lists", "/s", ""),
    ("explain_p99_us", "policy explain, p99", "us", "<= 1000"), ("membership_change_ms", "a change of membership, median", "ms", "<= 5"),
    ("membership_change_p99_ms", "the same, p99", "ms", ""), ("search_p99_us", "search by prefix, p99", "us", "<= 2000"),
    ("presence_updates_per_s", "updates of presence", "/s", ""), ("mailbox_stores_per_s", "frames into mailboxes, on disk", "/s", ">= 30000"),
    ("logins_per_s_device", "logins by device", "/s", ">= 3000"), ("logins_per_s_password", "logins by password", "/s", ""),
    ("burst_logins", "logins at once after control was killed", "", ""), ("burst_s", "until all of them are in", "s", "<= 10 for 10,000"),
    ("burst_others_lost", "frames others have lost meanwhile", "", "0"), ("burst_others_p99_us", "what theirs took, p99", "us", ""),
    ("bytes_per_online_session", "control's memory for a session", "bytes", "<= 1024"),
    ("bytes_per_online_session_all", "both processes' memory for a session", "bytes", ""),
)  # fmt: skip


def options(p):
    p.add_argument("--accounts", type=int, default=1_000_000)
    p.add_argument("--departments", type=int, default=2000)
    p.add_argument("--rules", type=int, default=50)
    p.add_argument("--online", type=int, default=10_100, help="sessions at a time")
    p.add_argument("--seed", type=int, default=1)


def table(rows):
    r = rows[0]
    print(f"{r['accounts']:,} accounts, {r['departments']:,} departments, {r['rules']} rules, seed {r['seed']}\n")
    for key, text, unit, goal in SHOWN:
        value = r.get(key)
        print(f"  {text:42} {'-' if value is None else f'{value:,}':>14} {unit:7} {f'goal {goal}' if goal else ''}")
    if "inconclusive" in r:
        print(f"\ninconclusive: {r['inconclusive']}")


__all__ = ["Failed", "Plan", "bench", "options", "table"]
