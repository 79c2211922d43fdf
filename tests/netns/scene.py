"""
Who plays in attack.py and insiders.py: three friends, an attacker, and what the server does in answer to her packets.

    ns c1  alice (IPv4) ───┐
    ns c2  bob (IPv6)   ───┤
    ns c3  carol (IPv4) ───┼── ns lan: bridge ── ns srv: the site
    ns c4  mallory      ───┘

alice, bob and carol are friends of each other; mallory is a friend of carol. dave exists, erin's account is disabled.
"""
import collections
import pathlib
import re
import secrets

import raw
import wire
from harness import wait_for
from wire import PING

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIMITS = {"limits__frames_per_second": 400, "limits__notices_per_second": 150,
          "limits__login_failures_per_account": "100000/min", "limits__login_failures_per_address": "100000/min"}


class Scene:
    """Who is there."""

    def __init__(self, w):
        self.w, self.tap, self.site = w, w.tap, w.site
        net, site = w.net, w.site
        static = {name: wire.person(site, name) for name in ("alice", "bob", "carol", "mallory", "dave", "erin")}
        for one, two in (("alice", "bob"), ("alice", "carol"), ("bob", "carol"), ("mallory", "carol")):
            site.befriend(one, two)
        site.ctl("user", "disable", "erin")
        self.account = {x["login"]: x["account"] for x in site.ctl("user", "list")}
        self.static = static
        self.alice, self.bob, self.carol, self.mallory = (
            w.keep(wire.Client(net, net.c[i], site, static[name], family)).log_in()
            for i, (name, family) in enumerate((("alice", 4), ("bob", 6), ("carol", 4), ("mallory", 4)))
        )
        self.people = (self.alice, self.bob, self.carol, self.mallory)
        self.grants = {c: {name: x["grant"] for name, x in c.contacts().items()} for c in self.people}
        self.raw = w.keep(raw.Raw(net, net.c[3]))
        self.watch = w.keep(raw.Watch(site, net, net.c))
        self.settle()

    def settle(self):
        """Nothing is under way any more: every push is acknowledged."""
        for c in self.people:
            c.collect(0.1)
        wait_for(lambda: not any(x["pushes_waiting"] for x in self.site.ctl("session", "list") if x["state"] == "open"),
                 10, "pushes are acknowledged")

    def to_bob(self, payload=None):
        """A frame of alice's to bob, as it would go over the wire."""
        return self.alice.to(self.bob.account, self.grants[self.alice]["bob"], payload or secrets.token_bytes(84))

    def chat(self, text):
        """alice and bob still reach each other."""
        there = wire.reach(self.alice, self.bob, self.grants[self.alice]["bob"])
        back = wire.reach(self.bob, self.alice, self.grants[self.bob]["alice"])
        self.tap.ok(there and back, text)

    def volley(self, fact, shots, beside=None, answers=0):
        """
        Send shots of (payload, how, counter): each must be counted under its own counter (None: the kernel takes it),
        and nothing but @answers datagrams may leave the server, no longer than what came.
        """
        self.watch.mark()
        want = collections.Counter(beside or {})
        longest = 0
        for i, (payload, how, counter) in enumerate(shots, 1):
            longest = max(longest, self.raw.send(payload, **how))
            want.update([] if counter is None else ["rx", counter])
            if i % 256 == 0:
                self.watch.until(want["rx"] - (beside or {}).get("rx", 0))
        if any(counter is None for _, _, counter in shots):
            self.alice.ping()  # whatever comes before it has been taken
            want.update(["rx", "ping", "tx"])
        want["tx"] += answers
        rose = self.watch.until(want["rx"])
        out = [d for d in self.watch.out() if d.payload[1] != PING]
        ok = rose == dict(+want) and len(out) == answers and all(len(d.payload) <= longest for d in out)
        errors = self.watch.errors()
        self.tap.ok(ok and not errors, fact,
                    f"{len(shots)} sent, want {dict(+want)}, rose {rose}, out {[d.payload[:2] for d in out]}, "
                    f"ICMP errors of {errors} bytes")

    def sums(self):
        """Every datagram has had exactly one verdict."""
        text = (ROOT / "dataplane/counters.h").read_text(encoding="utf-8")
        verdicts = re.findall(r'X\(CHQ_\w+, "([a-z-]+)", VERDICT,', text)

        def equal():
            stats = self.site.ctl("dp", "stats")
            return all(sum(w.get(v, 0) for v in verdicts) == w["rx"] for w in stats["workers"])

        wait_for(equal, 5, "the sum of all verdicts is the number of datagrams")
        self.tap.ok(len(verdicts) > 30, "every datagram was counted under exactly one verdict")

    def close_up(self, pids):
        """The end of a scenario: all is as it was."""
        self.chat("at the end, alice and bob reach each other")
        self.sums()
        site = self.site
        alive = site.dataplane.alive() and site.control.alive()
        self.tap.ok(alive and pids == (site.dataplane.proc.pid, site.control.proc.pid),
                    "both daemons have lived through it")
        self.tap.ok(not re.search(r"assert|Sanitizer|panic", site.dataplane.log() + site.control.log()),
                    "neither has complained")
