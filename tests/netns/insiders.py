#!/usr/bin/env python3
"""
insiders.py DRIVER PROGRAM…: what somebody with an account can do to others: frames to whom she may not write, floods,
messages to the server that are none, guesses. The network is that of scene.py.
"""
import collections
import itertools
import random
import secrets
import statistics
import struct
import time

import harness
import raw
import wire
from harness import wait_for
from scene import LIMITS, Scene
from wire import FRAME_T, HEADER, HOP, NOTICE, PING, RECEIPT, party

TIMING_ROUNDS = 60
PASSWORD_ROUNDS = 24


def wrong_forms(s):
    """Frames with a right tag that PROTOCOL.md forbids."""
    m, account = s.mallory, s.carol.account
    grant, how = s.grants[m]["carol"], {"src": m.where()}
    to = dict(party=party(1, 0, account), grant=grant)
    bad = [m.frame(b"", flags=NOTICE, app=1, **to), m.frame(b"", flags=NOTICE, app=wire.N_CLOSED),
           m.frame(b"x" * 40, flags=0x20, **to), m.frame(b"x" * 40, flags=0x81, **to), m.frame(b"x" * 40, seq=0, **to),
           m.frame(b"x" * 40, party=party(3, 0, 5)), m.frame(b"x" * 40, party=party(1, 0, 0)),
           m.frame(b"x" * 40, party=party(0, 0, 5), flags=HOP), m.frame(b"x", flags=PING),
           m.frame(b"", flags=PING | RECEIPT), m.frame(b"", flags=PING, app=1), m.frame(b"", flags=PING, **to),
           m.frame(b"x" * 40), m.frame(b"x" * 15, flags=HOP), m.frame(b"x" * 40, party=party(2, 1, 5))]
    s.volley("frames of a logged-in person that the protocol forbids are dropped",
             [(d, how, "drop-malformed") for d in bad])
    s.volley("a frame sealed for the relay to a person gets NOTICE seal",
             [(m.frame(b"x" * 40, flags=HOP, **to), how, "drop-seal")], {"notice-seal": 1}, answers=1)
    others = [m.frame(b"x" * 40, slot=c.slot, **to) for c in (s.alice, s.bob, s.carol)]
    s.volley("a person's tag under another's slot is wrong", [(d, how, "drop-tag") for d in others])


def refusals(s):
    """Frames to whom one may not write: what is answered must not tell why."""
    m, day = s.mallory, int((time.time() * 1000 - wire.EPOCH_2020_MS) // 86_400_000)
    forged = (day + 5) << 48 | 0x123456789ABC
    yesterday = (day - 1) << 48 | s.grants[s.alice]["bob"] & (1 << 48) - 1
    nobody = party(1, 0, 0xABCDEF)
    bob = party(1, 0, s.bob.account)
    return {
        "nobody, no grant": (nobody, 0),
        "nobody, forged grant": (nobody, forged),
        "no contact, online, no grant": (bob, 0),
        "no contact, online, forged grant": (bob, forged),
        "no contact, grant of another person": (bob, s.grants[s.alice]["bob"]),
        "no contact, own grant to another": (bob, s.grants[m]["carol"]),
        "no contact, grant of yesterday": (bob, yesterday),
        "no contact, another device of his": (party(1, 7, s.bob.account), forged),
        "no contact, offline, forged grant": (party(1, 0, s.account["dave"]), forged),
        "disabled, forged grant": (party(1, 0, s.account["erin"]), forged),
        "contact, grant for another": (party(1, 0, s.carol.account), s.grants[s.alice]["bob"]),
        "a group": (party(2, 0, 5), 0),
    }


def alike(s, took, fact):
    """
    Times of several kinds, one of each in every round. A busy machine adds to any: a difference is one that the best
    times show, and most rounds.
    """
    best = {kind: min(times) for kind, times in took.items()}
    s.tap.note(", ".join(f"{kind}: {seconds * 1000:.2f} ms" for kind, seconds in best.items()))
    apart = []
    for one, two in itertools.combinations(took, 2):
        slower = sum(a > b for a, b in zip(took[one], took[two])) / len(took[one])
        if abs(best[one] - best[two]) > 0.1 * best[one] and not 0.2 < slower < 0.8:
            apart.append((one, two, slower))
    s.tap.ok(not apart, fact, (best, apart))


def refused(s):
    m, sizes, took = s.mallory, {}, collections.defaultdict(list)
    heard = [len(c.frames) for c in s.people]
    kinds = list(refusals(s).items())
    for _ in range(TIMING_ROUNDS):
        random.shuffle(kinds)
        for name, (to, grant) in kinds:
            data = m.frame(b"x" * 100, party=to, grant=grant)
            f = wire.parsed(data)
            begun = time.perf_counter()
            m.send(data)
            got = m.collect(5, lambda: [n for n in m.notices if n["message"] == f["message"]])
            assert got, f"no NOTICE for {name}"
            took[name].append(time.perf_counter() - begun)
            n = got[0]
            sizes.setdefault(name, set()).add((n["bytes"][:8], n["app"], n["party"] == to, n["grant"],
                                              len(n["bytes"]), len(got)))
            time.sleep(1 / LIMITS["limits__notices_per_second"])
        m.notices.clear()
    same = {(struct.pack("<BBHI", FRAME_T, NOTICE, wire.N_UNKNOWN, m.slot), wire.N_UNKNOWN, True, 0, HEADER, 1)}
    s.tap.ok(all(v == same for v in sizes.values()),
             "unknown, not a contact, no grant, forged or somebody else's grant: the same NOTICE", sizes)
    for c in s.people:
        c.collect(0.1)
    s.tap.ok(heard == [len(c.frames) for c in s.people], "none of them reached anybody")
    s.tap.ok(s.site.counters()["punt_offline"] == 0,
             "that somebody is offline is told to nobody who may not write to him")
    group = {name: "nobody" if "nobody" in name else "there, absent" if "offline" in name or "disabled" in name
             else "there, online" for name in took}
    rounds = {g: [statistics.median(took[name][n] for name in took if group[name] == g) for n in range(TIMING_ROUNDS)]
              for g in set(group.values())}
    alike(s, rounds, "whether somebody is there, and online, cannot be told from the time of the refusal")


def guesser(s):
    """mallory tries grants, as many as she may send frames."""
    m = s.mallory
    time.sleep(1)
    m.collect(0.1)
    m.notices.clear()
    s.watch.mark()
    begun = time.monotonic()
    for n in range(390):
        m.send(m.frame(b"x" * 40, party=party(1, 0, s.bob.account), grant=s.grants[s.alice]["bob"] ^ n))
    s.watch.until(390)
    m.collect(0.3)
    took = time.monotonic() - begun
    rose = s.watch.rose()
    told = [n for n in m.notices if n["app"] == wire.N_UNKNOWN]
    s.tap.ok(0 < len(told) <= LIMITS["limits__notices_per_second"] * (took + 1) + 1
             and rose["drop-notice-limit"] == 390 - len(told),
             "who guesses grants is told NOTICE unknown so often and no more, the rest is counted",
             f"{len(told)} in {took:.2f} s, {rose}")


def flooder(s):
    """mallory sends as fast as she can to carol, to whom she may write."""
    m, grant = s.mallory, s.grants[s.mallory]["carol"]
    s.settle()
    s.watch.mark()
    small = [m.to(s.carol.account, grant, b"y" * 40) for _ in range(2000)]
    big = [m.to(s.carol.account, grant, b"z" * 1184) for _ in range(350)]
    begun, late = time.monotonic(), 0
    for part in (small, big):
        for i, data in enumerate(part):
            m.send(data)
            if i % 100 == 0:
                one = time.monotonic()
                assert wire.reach(s.alice, s.bob, s.grants[s.alice]["bob"]), "alice reaches bob"
                late = max(late, time.monotonic() - one)
        time.sleep(1.1)  # a second's worth of frames is hers again
    took = time.monotonic() - begun
    s.tap.ok(late < 1, "while one person floods, others' frames arrive as ever", f"{late:.3f} s")
    s.tap.note(f"{len(small + big)} frames in {took:.2f} s, others waited at most {late * 1000:.1f} ms: {s.watch.rose()}")
    m.collect(0.3)
    s.carol.collect(0.3)
    rose = s.watch.rose()
    s.tap.ok(rose.get("drop-quota-frames", 0) > 1000 and rose.get("drop-quota-bytes", 0) > 100,
             "the flood is dropped, by frames and by bytes", rose)
    got = [f for f in s.carol.frames if f["payload"][:1] in (b"y", b"z")]
    s.tap.ok(len(got) <= LIMITS["limits__frames_per_second"] * (took + 1) + 1, "no more frames than the quota arrive",
             len(got))
    fast = [n for n in m.notices if n["app"] == wire.N_TOO_FAST]
    most = LIMITS["limits__notices_per_second"] * (took + 1) + 1
    s.tap.ok(0 < len(fast) <= most and rose["notice-too-fast"] >= len(fast),
             "the flooder is told NOTICE too fast, so often and no more", f"{len(fast)} of at most {most:.0f}")
    s.tap.ok(rose.get("drop-notice-limit", 0) > 0, "NOTICEs beyond the budget are counted")
    sent = sum(len(d.payload) for d in s.watch.out(s.w.net.c[3]))
    s.tap.ok(sent < sum(map(len, small + big)), "the flooder gets less than she has sent")


def not_messages():
    """Plaintexts that are no message of proto/control.proto, or one that ends too early."""
    pb = wire.pb
    made = [b"", b"\xff" * 50, b"\x0a\xff", pb(9, b"x"), pb(1, b"\x08"), pb(1, pb(1, 5) + b"\x1a\xff\xff\xff\xff\x0f"),
            pb(1, 7), b"\x0b" * 60, b"\x0a\x0a" * 500, pb(2, pb(2, b"\xff" * 30))]
    return made + [secrets.token_bytes(secrets.randbelow(1168)) for _ in range(60)]


def garbage(s):
    """Frames to the server that are no message."""
    m = s.mallory
    s.settle()
    before = s.site.counters()
    s.watch.mark()
    for _ in range(20):
        m.send(m.frame(secrets.token_bytes(200), flags=HOP))
        time.sleep(0.005)
    s.watch.until(20)
    wait_for(lambda: s.watch.rose().get("drop-open") == 20, 10, f"counted: {s.watch.rose()}")
    s.tap.ok(not s.watch.out(), "messages that do not open are dropped as such, and not answered")
    for plain in not_messages():
        m.send(m.hop(plain))
        time.sleep(0.005)
    for app in (1, 65535):
        m.send(m.hop(wire.pb(1, wire.pb(1, m.next_id()) + wire.pb(2, wire.M_WHOAMI)), app=app))
    code, reply, _ = m.request(wire.M_WHOAMI)
    s.tap.ok(code == 0 and reply[1] == [m.account],
             "garbage in sealed messages harms nothing: the same session is served on", code)
    bad = s.site.counters()["request_bad"] - before["request_bad"]
    s.tap.ok(bad >= 50, "garbage in sealed messages is counted", bad)


def asking(s):
    """Requests about people whom one may not see."""
    m = s.mallory
    # nobody, no contact, one who is absent, a disabled one
    them = (0xABCDEF, s.bob.account, s.account["dave"], s.account["erin"])
    for name, method in (("GRANT", wire.M_GRANT), ("KEYS_GET", wire.M_KEYS_GET)):
        answers = [m.request(method, wire.pb(1, account)) for account in them]
        s.tap.ok(answers == [(wire.E_NOUSER, {}, 0)] * 4, f"{name}: nobody and no contact are answered alike", answers)
    code, _, _ = m.request(4711)
    s.tap.ok(code == wire.E_UNSUPPORTED, "an unknown method is answered by E_UNSUPPORTED", code)


def request_flood(s):
    """mallory asks as fast as she can, while frank logs in by his password."""
    m = s.mallory
    s.site.ctl("user", "add", "frank", secret="correct horse battery\n")
    frank = s.w.keep(wire.Client(s.w.net, s.w.net.c[2], s.site))
    s.watch.mark()

    def flood():
        end, n = time.monotonic() + 3, 0
        carol = wire.pb(3, wire.pb(1, s.carol.account))
        while time.monotonic() < end:
            n += 1
            method = (wire.M_CONTACTS, wire.M_KEYS_GET)[n % 2]
            m.send(m.hop(wire.pb(1, wire.pb(1, n) + wire.pb(2, method) + carol)))
            time.sleep(0.0002)

    over = raw.in_child(flood)
    frank.handshake()
    begun = time.monotonic()
    code, _, _ = frank.log_in_by("frank", b"correct horse battery")
    took = time.monotonic() - begun
    frank.ping()
    s.chat("while one session floods the server with requests, others chat")
    over(wait=True)
    m.seq += 100000  # the child has used numbers
    s.tap.ok(code == 0 and took < 3, "while one session floods the server with requests, another logs in",
             f"{code} after {took:.2f} s")
    s.tap.ok(s.watch.rose().get("drop-quota-frames", 0) > 0, "requests over the quota are dropped as such",
             s.watch.rose())


def passwords(s):
    """Who tries names: one that is there and one that is not, a wrong password each."""
    s.site.ctl("user", "add", "gina", secret="correct horse battery\n")
    took, said = collections.defaultdict(list), collections.defaultdict(set)
    for n in range(PASSWORD_ROUNDS):
        if n % 4 == 0:
            c = s.w.keep(wire.Client(s.w.net, s.w.net.c[3], s.site))
            c.handshake()
        names = ["gina", "gone", "bob"]  # bob has no password at all
        random.shuffle(names)
        for name in names:
            begun = time.perf_counter()
            code, reply, wait = c.log_in_by(name, b"not the password")
            took[name].append(time.perf_counter() - begun)
            said[name].add((code, len(reply), wait, c.answer_size))
    s.tap.ok(said["gina"] == said["gone"] == said["bob"] and len(said["gina"]) == 1,
             "wrong password, unknown name, account without password: the same answer", dict(said))
    alike(s, took, "… after the same time within noise")


def main(w):
    w.build(4, **LIMITS)
    pids = w.site.dataplane.proc.pid, w.site.control.proc.pid
    s = Scene(w)
    wrong_forms(s)
    refused(s)
    guesser(s)
    flooder(s)
    garbage(s)
    asking(s)
    request_flood(s)
    passwords(s)
    s.close_up(pids)


harness.scenario(main)
