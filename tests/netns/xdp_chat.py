#!/usr/bin/env python3
"""
xdp_chat.py DRIVER PROGRAM…: two pairs of people talk, one over IPv4 and one over IPv6, while the dataplane runs, while
it does not, and when it is back. A message counts when its reader was shown it and its writer the receipt.

    ns c1 (alice), ns c2 (bob), IPv4 ───┐
                                        ├── ns lan: bridge ──── ns srv: relay0, chasqui-dataplane and chasqui-control
    ns c3 (carol), ns c4 (dave), IPv6 ──┘
"""
import harness
from harness import SERVER4, SERVER6, wait_for
from people import Person

EACH = 5  # messages, each way


def talk(w, pairs, word):
    """Both pairs write to each other. @word: of this time only."""
    for a, b, family in pairs:
        for n in range(1, EACH + 1):
            a.say(f"{word} {n}")
            b.say(f"{word} {n}")
        with w.tap.fact(f"{word}: over {family}, messages arrive both ways, each with its receipt"):
            mine = [f"{word} {n}" for n in range(1, EACH + 1)]
            for p, other in ((a, b), (b, a)):
                wait_for(lambda: p.delivered() >= set(mine), 10, f"receipts of {p.login}")
                assert [t for t in other.shown(p.login) if t.startswith(word)] == mine, other.lines


def main(w):
    w.build(4)
    host = {"alice": SERVER4, "bob": SERVER4, "carol": SERVER6, "dave": SERVER6}
    people = {name: w.keep(Person.make(w.site, w.net.c[i], name, host[name])) for i, name in enumerate(host)}
    pairs = []
    for one, two, family in (("alice", "bob", "IPv4"), ("carol", "dave", "IPv6")):
        w.site.befriend(one, two)
        a, b = people[one], people[two]
        for p in (a, b):
            code, answer = p.enter()
            w.tap.ok(code == 0 and answer["ok"], f"{p.login} logs in by password over {family}", answer)
        a.chat(two)
        b.chat(one)
        pairs.append((a, b, family))
    shown = w.site.ctl("dp", "status")["driver"]
    w.tap.ok(shown == w.driver, f"the driver is {w.driver}", shown)
    talk(w, pairs, "with the process")
    w.site.dataplane.kill()
    talk(w, pairs, "without the process")
    w.tap.ok(not w.site.dataplane.alive(), "no process was there")
    w.site.dataplane.start()
    w.tap.ok(w.site.wait_dataplane()["tables"]["adopted"], "started again, it adopts its tables")
    w.site.wait_ready()
    talk(w, pairs, "with the next process")
    w.tap.ok(not any(p.failed() for p in people.values()), "nothing failed meanwhile")
    late = Person.make(w.site, w.net.c[0], "erin", SERVER4)
    code, answer = late.enter()
    w.tap.ok(code == 0 and answer["ok"], "somebody new logs in through the next process", answer)


harness.scenario(main)
