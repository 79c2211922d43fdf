#!/usr/bin/env python3
"""
rules.py DRIVER PROGRAM…: departments and rules, as the paper's three examples have them, and what a change of them means
at once to lists, messages and presence of who is online.

    ns c1 … c6 (two developers, two sellers, marketing, the office) ── ns lan: bridge ──── ns srv: both daemons
"""
import secrets
import time

import harness
import wire

STAFF = {"dev1": "Dev", "dev2": "Dev", "sal1": "Sales", "sal2": "Sales", "mar1": "Marketing", "off1": "Office"}
M_SEARCH, M_STATUS_SET, P_CONTACTS_CHANGED = 15, 16, 4
BUSY, INVISIBLE = 4, 5
VOLLEY = 20


def hires(w):
    """Everybody with a device of their own, in their department."""
    for dept in sorted(set(STAFF.values())):
        w.site.ctl("dept", "add", dept)
    people = {}
    for n, (login, dept) in enumerate(STAFF.items()):
        secret = wire.person(w.site, login)
        w.site.ctl("dept", "join", dept, login)
        people[login] = w.keep(wire.Client(w.net, w.net.c[n], w.site, secret)).log_in()
    return people


def allows(w, subjects, objects, rights="all", *more):
    return w.site.ctl("policy", "add", "--subjects", subjects, "--objects", objects, "--rights", rights, *more)["rule"]


def sees(client):
    return set(client.contacts())


def examples(w, p):
    w.tap.ok(all(sees(c) == set() for c in p.values()), "without a rule nobody sees anybody")
    allows(w, "members(Dev)", "members(Dev)")
    w.tap.ok(sees(p["dev1"]) == {"dev2"} and sees(p["sal1"]) == set(), "developers see developers, not themselves, nobody else")
    rule = allows(w, "members(Sales)", "members(Sales) + members(Marketing)")
    w.tap.ok(sees(p["sal1"]) == {"sal2", "mar1"}, "sellers see sellers and marketing", sees(p["sal1"]))
    w.tap.ok(sees(p["mar1"]) == set(), "marketing does not see sellers: rules are one-way")
    allows(w, "members(Office)", "members(Office) + managers(*)")
    w.tap.ok(sees(p["off1"]) == set(), "the office sees no manager where there is none")
    return rule


def told(w, client, change, holds):
    """Seconds from a change until the client, told by a push, has a list that is right."""
    client.collect(1.1)
    client.pushes.clear()
    change()
    begun = time.monotonic()
    client.collect(5, lambda: [x for x in client.pushes if x["kind"] == P_CONTACTS_CHANGED])
    right = holds(sees(client))
    return time.monotonic() - begun if right and client.pushes else 99


def managers(w, p):
    for login, dept in (("dev2", "Dev"), ("mar1", "Marketing")):
        took = told(w, p["off1"], lambda: w.site.ctl("dept", "manager", "set", dept, login), lambda s: login in s)
        w.tap.ok(took < 5, f"the office sees the new manager of {dept} within 5 s", f"{took:.1f} s")
    took = told(w, p["off1"], lambda: w.site.ctl("dept", "manager", "unset", "Dev", "dev2"), lambda s: s == {"mar1"})
    w.tap.ok(took < 5, "and the former one no more", f"{took:.1f} s, {sees(p['off1'])}")


def volley(a, b, grant):
    """How many of some frames arrive."""
    ids = [a.next_id() for _ in range(VOLLEY)]
    for ident in ids:
        a.send(a.to(b.account, grant, secrets.token_bytes(64), message=ident))
    b.collect(3, lambda: len({f["message"] for f in b.frames} & set(ids)) == VOLLEY)
    return len({f["message"] for f in b.frames} & set(ids))


def refused(a, b, grant):
    """One frame by an old grant: whether it got NOTICE unknown and did not arrive."""
    ident = a.next_id()
    a.send(a.to(b.account, grant, secrets.token_bytes(64), message=ident))
    notice = a.collect(2, lambda: [n for n in a.notices if n["message"] == ident])
    b.collect(0.2)
    return bool(notice) and notice[0]["app"] == 1 and ident not in {f["message"] for f in b.frames}


def loses(w, p, fact, lose, gain):
    """dev1 may write to dev2, loses that, and gets it again; dev2's and the sellers' talk goes on."""
    a, b, c, d = p["dev1"], p["dev2"], p["sal1"], p["sal2"]
    grant, other = a.contacts()["dev2"]["grant"], c.contacts()["sal2"]["grant"]
    w.tap.ok(volley(a, b, grant) == VOLLEY, f"before {fact} all frames arrive")
    lose()
    begun = time.monotonic()
    good = refused(a, b, grant)
    took = time.monotonic() - begun
    w.tap.ok(good and took < 1, f"after {fact} the next frame is refused", f"{good}, {took:.2f} s")
    w.tap.ok(volley(c, d, other) == VOLLEY, "nobody else's is, by the grant he has")
    gain()
    w.tap.ok(volley(a, b, a.contacts()["dev2"]["grant"]) == VOLLEY, "given back, it is there at once")


def revocations(w, p):
    site, rule = w.site, {}

    def denied():
        rule["id"] = allows(w, "account(dev1)", "account(dev2)", "message", "--deny")

    loses(w, p, "a rule that denies it", denied, lambda: site.ctl("policy", "remove", rule["id"]))
    loses(w, p, "the sender left the department", lambda: site.ctl("dept", "leave", "Dev", "dev1"),
          lambda: site.ctl("dept", "join", "Dev", "dev1"))  # fmt: skip
    loses(w, p, "the receiver left the department", lambda: site.ctl("dept", "leave", "Dev", "dev2"),
          lambda: site.ctl("dept", "join", "Dev", "dev2"))  # fmt: skip
    loses(w, p, "the rule is gone", lambda: site.ctl("policy", "remove", 1),
          lambda: allows(w, "members(Dev)", "members(Dev)"))  # fmt: skip


def states(w, p):
    a, b, other = p["dev1"], p["dev2"], p["sal1"]
    for status, shown, pause in ((BUSY, BUSY, 0), (INVISIBLE, wire.OFFLINE, 5)):
        time.sleep(pause)  # of one person not more often
        b.pushes.clear()
        begun = time.monotonic()
        code, _, _ = a.request(M_STATUS_SET, wire.pb(1, status))
        b.collect(2, lambda: (a.account, shown) in b.presences())
        took = time.monotonic() - begun
        w.tap.ok(code == 0 and b.presences() == [(a.account, shown)] and took < 1,
                 f"state {status} is told once, as {shown}, within a second", f"{code} {b.presences()} {took:.2f}")
    w.tap.ok(b.contacts()["dev1"]["status"] == wire.OFFLINE, "who is invisible is offline in lists")
    w.tap.ok(a.account not in [who for who, _ in other.presences()], "who does not see him is told nothing")
    code, page, _ = b.request(M_SEARCH, wire.pb(1, b"DEV"))
    found = [wire.pb_parsed(raw)[2][0] for raw in page.get(1, [])]
    w.tap.ok(code == 0 and found == [b"dev1"], "search finds whom one sees", found)
    code, page, _ = b.request(M_SEARCH, wire.pb(1, b"sal"))
    w.tap.ok(code == 0 and 1 not in page, "and nobody else", page)


def main(w):
    w.build(6)
    p = hires(w)
    examples(w, p)
    managers(w, p)
    revocations(w, p)
    states(w, p)
    w.tap.ok(w.site.control.stop() == 0 and w.site.dataplane.stop() == 0, "both daemons end when told")


harness.scenario(main)
