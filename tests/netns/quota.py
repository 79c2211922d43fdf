#!/usr/bin/env python3
"""
quota.py DRIVER PROGRAM…: what a session, an account's devices together, and a guest may send; set while they talk.

    ns c1  carol's phone, carol's PC ───┐
    ns c2  bob                       ───┴── ns lan: bridge ── ns srv: the site
"""
import time

import harness
import wire
from harness import wait_for

OWN, SHARED, GUEST = 40, 60, 4  # frames a second
PASSWORD = b"a good password"


def device(w):
    """A device of carol's that logs in by her password."""
    c = w.keep(wire.Client(w.net, w.net.c[0], w.site))
    c.handshake()
    code, _, _ = c.log_in_by("carol", PASSWORD, enroll=True)
    assert code == 0, code
    return c


def volley(w, sender, bob, count):
    """Frames to bob as fast as they go; how the counters rose."""
    grant = sender.contacts()["bob"]["grant"]
    time.sleep(1.1)  # what was spent is paid back
    before = w.site.stats()
    for _ in range(count):
        sender.send(sender.to(bob.account, grant, b"x" * 20))

    def seen():
        now = w.site.stats()
        return now if now["rx"] - before["rx"] >= count else None

    now = wait_for(seen, 10, "all were looked at")
    return {k: v - before.get(k, 0) for k, v in now.items()}


def shown(site, client):
    return site.ctl("session", "show", client.slot)["quota"]


def limit(site, name, value):
    return site.ctl("limit", "set", name, value)["value"]


def alone(w, phone, bob):
    rose = volley(w, phone, bob, 200)
    quota = shown(w.site, phone)
    w.tap.ok(OWN <= rose["forward"] <= OWN * 2 and rose["drop-quota-frames"] == 200 - rose["forward"]
             and not rose.get("drop-quota-account"), "a session sends its own quota", rose)
    w.tap.ok(quota["class"] == "ordinary" and quota["frames_per_second"] == OWN and quota["sessions_of_account"] == 1
             and quota["over_quota"] == rose["drop-quota-frames"] and 0 < quota["frames_used"] <= OWN,
             "session show tells limits, use and refusals", quota)


def together(w, phone, pc, bob):
    quota = shown(w.site, pc)
    w.tap.ok(quota["sessions_of_account"] == 2 and quota["account"]["frames_per_second"] == SHARED,
             "a second device shares its account's budget", quota)
    grants = {c: c.contacts()["bob"]["grant"] for c in (phone, pc)}
    time.sleep(1.1)
    before, begun = w.site.stats(), time.monotonic()
    for _ in range(150):
        for c in (phone, pc):
            c.send(c.to(bob.account, grants[c], b"x" * 20))
    now = wait_for(lambda: (s := w.site.stats())["rx"] - before["rx"] >= 300 and s, 10, "all were looked at")
    took = time.monotonic() - begun
    forward, account = (now.get(k, 0) - before.get(k, 0) for k in ("forward", "drop-quota-account"))
    w.tap.ok(SHARED <= forward <= SHARED * (1 + took) + 2 and account > 0,
             "both together send what their account may, not twice what one may", (forward, account, took))


def guest(w):
    c = w.keep(wire.Client(w.net, w.net.c[0], w.site))
    c.handshake()
    quota = shown(w.site, c)
    w.tap.ok(quota["class"] == "prelogin" and quota["frames_per_second"] == GUEST,
             "before login a session has a smaller quota of its own", quota)
    return c


def flood(w, loud, bob):
    """Frames to the server as fast as they go; meanwhile somebody else asks for something."""
    sent, answered, before = 0, 0, w.site.stats()
    for _ in range(5):
        for _ in range(600):
            loud.send(loud.frame(bytes(16), flags=wire.HOP, party=0))
        sent += 600
        answered += bool(bob.contacts())
    rose = wait_for(lambda: (s := w.site.stats())["rx"] - before["rx"] >= sent and s, 10, "all were looked at")
    refused, up = (rose.get(k, 0) - before.get(k, 0) for k in ("drop-quota-frames", "up-server"))
    w.tap.ok(answered == 5 and refused > sent * 0.8 and up < sent * 0.2,
             "who floods the server is stopped before its queue, and others are answered", (answered, refused, up, sent))


def at_once(w, phone, bob):
    """Limits change while nobody logs in anew, and only for whom they are."""
    site = w.site
    before, others = site.sessions("bob"), {x["limit"]: x["value"] for x in site.ctl("limit", "show")}
    w.tap.ok(limit(site, "frames_per_second", OWN // 4) == OWN // 4, "limit set is answered when it is in force")
    narrow = volley(w, phone, bob, 100)
    limit(site, "account_frames_per_second", OWN * 5)
    limit(site, "frames_per_second", OWN * 5)
    wide = volley(w, phone, bob, 100)
    w.tap.ok(narrow["forward"] <= OWN // 2 and wide["forward"] == 100,
             "sessions that are there have the new limit at once", (narrow, wide))
    after = {x["limit"]: x["value"] for x in site.ctl("limit", "show")}
    changed = {k for k in after if after[k] != others[k]}
    w.tap.ok(changed == {"frames_per_second", "account_frames_per_second"} and site.sessions("bob") == before,
             "no other limit and no session has changed", changed)
    w.tap.ok("event=limit-set limit=frames_per_second" in site.control.log(), "who set it is in the log")
    try:
        limit(site, "frames_per_second", "0")
        refused = ""
    except harness.Refused as why:
        refused = str(why)
    w.tap.ok("EARGS" in refused, "a limit out of bounds is refused", refused)


def main(w):
    w.net = w.keep(harness.Net(2))
    w.site = w.keep(harness.Site(w.programs, w.net, w.driver, limits__frames_per_second=OWN,
                                 limits__account_frames_per_second=SHARED))
    w.site.start()
    bob = w.keep(wire.Client(w.net, w.net.c[1], w.site, wire.person(w.site, "bob"))).log_in()
    w.site.ctl("user", "add", "carol", secret=PASSWORD.decode() + "\n")
    w.site.befriend("carol", "bob")
    phone = device(w)
    alone(w, phone, bob)
    pc = device(w)
    together(w, phone, pc, bob)
    flood(w, guest(w), bob)
    at_once(w, phone, bob)
    busy = wait_for(lambda: w.site.ctl("status", "show")["dataplane"]["workers"], 5, "a second has passed")
    w.tap.ok(len(busy) == 1 and 0 <= busy[0]["busy_share"] <= 1 and busy[0]["sheds"] in
             ("nothing", "hello", "server", "half", "quarter", "eighth"), "status shows the worker's busy share", busy)


harness.scenario(main)
