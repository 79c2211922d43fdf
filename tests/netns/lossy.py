#!/usr/bin/env python3
"""
lossy.py DRIVER PROGRAM…: two people talk, one of them through a network that loses a fifth of the datagrams each way, and
doubles and reorders others, from the handshake on.

    ns c1 (alice, IPv4) ──┐                                  ┌── ns px: proxy, each way 20 % lost, 10 % doubled, 20 % late
                          ├───────── ns lan: bridge ─────────┤
    ns c2 (bob, IPv6) ────┘                                  └── ns srv: the site
"""
import harness
from harness import wait_for
from people import Person
from proxy import Proxy, Way

MESSAGES = 100
SEED = 20200101
BAD = {"loss": 0.2, "twice": 0.1, "late": 0.2}


def main(w):
    tap = w.tap
    w.build(2, proxy=True)
    up, down = Way(SEED, **BAD), Way(SEED + 1, **BAD)
    w.keep(Proxy(w.net, w.net.px, (harness.PROXY4, harness.PORT), (harness.SERVER4, harness.PORT), up, down))
    tap.note(f"seed {SEED}")
    a = w.keep(Person.make(w.site, w.net.c[0], "alice", harness.PROXY4))
    b = w.keep(Person.make(w.site, w.net.c[1], "bob", harness.SERVER6))
    w.site.befriend("alice", "bob")
    b.enter()
    with tap.fact("alice logs in through 20 % loss each way"):
        code, answer = a.enter()
        assert code == 0, answer
    a.chat("bob")
    b.chat("alice")
    for n in range(1, MESSAGES + 1):
        a.say(f"a {n}")
        b.say(f"b {n}")
    for p, other in ((a, b), (b, a)):
        mine = [f"{p.login[0]} {n}" for n in range(1, MESSAGES + 1)]
        with tap.fact(f"each of {p.login}'s {MESSAGES} messages gets its receipt"):
            wait_for(lambda: p.delivered() >= set(mine) or p.failed(), 60, "receipts")
            assert not p.failed(), f"failed: {p.failed()}"
        shown = other.shown(p.login)
        tap.ok(len(shown) == len(set(shown)), f"{other.login} is shown none of them twice", shown)
        tap.ok(shown == mine, f"{other.login} is shown all of them, in order", shown)
    for way in (up, down):
        tap.note(way)
        tap.ok(way.seen > 100 and way.lost > way.seen * 0.12 and way.doubled > 5 and way.delayed > 10,
               f"the network was that bad {'towards' if way is up else 'from'} the server")  # fmt: skip


harness.scenario(main)
