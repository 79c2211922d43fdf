#!/usr/bin/env python3
"""
kill.py DRIVER PROGRAM…: either daemon is killed with SIGKILL and started again while two people talk without a pause.

    ns c1 (alice, IPv4) ──┐
                          ├── ns lan: bridge ──── ns srv: relay0, chasqui-dataplane and chasqui-control
    ns c2 (bob, IPv6) ────┘
    and a listener on each client's interface, that sees every frame and its sequence number

With a driver that has a program in the kernel the dataplane dies 20 times in a row.
"""
import json
import threading
import time

import harness
from harness import F_NOTICE, Sniffer, wait_for
from people import Person

EVERY_S = 0.02  # one message in each direction
ROUNDS = {"af_xdp": 20, "xdp": 20, "socket": 3}


class Talk(threading.Thread):
    """Two people who write to each other all the time."""

    def __init__(self, a, b):
        super().__init__(daemon=True)
        self.pair, self.n, self.ending = (a, b), 0, False
        self.start()

    def run(self):
        while not self.ending:
            self.n += 1
            for p, other in (self.pair, self.pair[::-1]):
                p.say(f"{p.login} {self.n}")
            time.sleep(EVERY_S)

    def end(self):
        """How many each has sent."""
        self.ending = True
        self.join()
        return self.n

    def goes_on(self, seconds=30):
        """Messages written from now on are shown to the other, in both directions."""
        after = self.n + 5
        for p, other in (self.pair, self.pair[::-1]):
            wait_for(lambda: any(int(text.split()[1]) > after for text in other.shown(p.login)[-50:]), seconds,
                     f"{other.login} is shown what {p.login} writes")  # fmt: skip


def places(site):
    """Slot, generation and owner of every session; a new session has another generation."""
    return sorted((s["slot"], s["generation"], s["account"]) for s in site.ctl("session", "list"))


def logins(site):
    c = site.counters()
    return c["session_opened"], c["login_key"], c["login_password"]


def control_dies(w, talk):
    before = places(w.site)
    w.site.ctl("user", "add", "carol", secret="secret-of-carol-1\n")
    w.site.control.kill()
    with w.tap.fact("control killed: the chat goes on without it"):
        talk.goes_on()
    w.site.control.start()
    w.site.wait_ready()
    with w.tap.fact("the account that was made just before is there"):
        w.site.ctl("user", "show", "carol")
    with w.tap.fact("control started again: the chat goes on"):
        talk.goes_on()
    w.tap.ok(places(w.site) == before, "it finds the sessions that were there", f"{before} {places(w.site)}")
    w.tap.ok(logins(w.site) == (0, 0, 0), "nobody had to log in again", logins(w.site))
    w.tap.ok([w.site.status_of(n) for n in ("alice", "bob")] == ["online"] * 2, "both are online to it")


def attached(w):
    """What the kernel says of our program on the interface: the link's number and the program's."""
    shown = json.loads(w.net.ip(w.net.srv, "-d", "-j", "link", "show", "dev", "relay0"))[0]["xdp"]
    pins = f"{w.site.bpffs}/t{harness.os.getpid()}"
    link = json.loads(harness.run("/usr/sbin/bpftool", "-j", "link", "show", "pinned", f"{pins}/if-relay0-link"))
    return link["id"], bool(shown["prog"]["id"])


def dataplane_dies(w, talk):
    """Kill it again and again; the chat goes on after each time."""
    rounds = ROUNDS[w.driver]
    before, logged_in = places(w.site), logins(w.site)
    link = attached(w) if w.driver in harness.XDP_DRIVERS else None
    lost_link = not_adopted = 0
    with w.tap.fact(f"dataplane killed {rounds} times in a row: each time the chat goes on by itself"):
        for _ in range(rounds):
            w.site.dataplane.kill()
            lost_link += link is not None and attached(w) != link
            w.site.dataplane.start()
            not_adopted += not w.site.wait_dataplane()["tables"]["adopted"]
            talk.goes_on()
    w.site.wait_ready()
    if link:
        w.tap.ok(lost_link == 0 and attached(w) == link, "the program stays attached by the same link")
        w.tap.ok(w.site.stats().get("rx", 0) > 0, "the restarted process gets the frames")
    w.tap.ok(not_adopted == 0, "it adopts its tables each time")
    w.tap.ok(places(w.site) == before, "sessions keep slot and generation", f"{before} {places(w.site)}")
    w.tap.ok(logins(w.site) == logged_in, "nobody had to log in again", f"{logged_in} {logins(w.site)}")


def both_die(w, talk):
    before = places(w.site)
    for daemon in (w.site.control, w.site.dataplane):
        daemon.kill()
    for daemon in (w.site.dataplane, w.site.control):
        daemon.start()
    w.site.wait_ready()
    with w.tap.fact("both killed and started: the chat goes on by itself"):
        talk.goes_on()
    w.tap.ok(places(w.site) == before, "the sessions are those from before", f"{before} {places(w.site)}")


def check_messages(w, a, b, sent):
    for p, other in ((a, b), (b, a)):
        mine = [f"{p.login} {n}" for n in range(1, sent + 1)]
        with w.tap.fact(f"every message of {p.login} gets its receipt"):
            wait_for(lambda: p.delivered() >= set(mine) or p.failed(), 60, "receipts")
            assert not p.failed(), f"failed: {p.failed()}"
        shown = other.shown(p.login)
        w.tap.ok(shown == mine, f"{other.login} is shown each of them once, in order", f"{len(shown)} of {len(mine)}")


def check_numbers(w, ears):
    """No sequence number is used twice towards a client: a new one with the same keys would be a disaster."""
    for name, ear in ears.items():
        seen = [d.frame()[2:] for d in ear.from_server() if d.frame()]
        w.tap.ok(len(seen) > 100 and len(seen) == len(set(seen)), f"no number is seen twice by {name}",
                 f"{len(seen)} frames, {len(seen) - len(set(seen))} repeated")  # fmt: skip


def main(w):
    w.build(2)
    a, b = (w.keep(Person.make(w.site, w.net.c[i], name, host))
            for i, (name, host) in enumerate((("alice", harness.SERVER4), ("bob", harness.SERVER6))))  # fmt: skip
    w.site.befriend("alice", "bob")
    ears = {p.login: w.keep(Sniffer(w.net, p.ns)) for p in (a, b)}
    for p in (a, b):
        p.enter()
    a.chat("bob")
    b.chat("alice")
    talk = Talk(a, b)
    with w.tap.fact("two people talk"):
        talk.goes_on()
    control_dies(w, talk)
    dataplane_dies(w, talk)
    both_die(w, talk)
    sent = talk.end()
    w.tap.note(f"{sent} messages each way")
    check_messages(w, a, b, sent)
    check_numbers(w, ears)


harness.scenario(main)
