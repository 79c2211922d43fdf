#!/usr/bin/env python3
"""
attack.py DRIVER PROGRAM…: what somebody with PROTOCOL.md, a raw socket and other people's captured datagrams can do,
without an account and with one. Every packet must end under its own counter, reach nobody, and be answered by
nothing, or by less than what came.

    ns c1  alice (IPv4) ───┐
    ns c2  bob (IPv6)   ───┤
    ns c3  carol (IPv4) ───┼── ns lan: bridge ── ns srv: the site
    ns c4  mallory      ───┘

alice, bob and carol are friends of each other; mallory is a friend of carol. dave exists, erin's account is disabled.
"""
import collections
import pathlib
import random
import re
import secrets
import statistics
import struct
import time

import harness
import raw
import wire
from harness import wait_for
from wire import FRAME_T, HEADER, HOP, NOTICE, PING, RECEIPT, STORE, le, party

SESSIONS = 1024
HELLO_KEPT_S = 10  # the server remembers the answer to a HELLO so long
TIMING_ROUNDS = 60
PASSWORD_ROUNDS = 24
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Scene:
    """Who is there."""

    def __init__(self, w):
        self.w, self.tap, self.site = w, w.tap, w.site
        net, site = w.net, w.site
        static = {name: wire.person(site, name) for name in ("alice", "bob", "carol", "mallory", "dave", "erin")}
        for one, two in (("alice", "bob"), ("alice", "carol"), ("bob", "carol"), ("mallory", "carol")):
            site.befriend(one, two)
        site.ctl("user", "disable", "erin")
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
        wait_for(lambda: not any(x["pushes_waiting"] for x in self.site.ctl("session", "list") if x["state"] == "open"), 10,
                 "pushes are acknowledged")  # fmt: skip

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
        self.tap.ok(ok and not errors, fact, f"{len(shots)} sent, want {dict(+want)}, rose {rose}, out {[d.payload[:2] for d in out]},"
                    f" ICMP errors of {errors} bytes")  # fmt: skip


# --- what PROTOCOL.md says of a datagram whose tag is wrong ---


def party_ok(p):
    kind, ident = p >> 56, p & (1 << 48) - 1
    return p == 0 if kind == 0 else ident != 0 if kind == 1 else kind == 2 and p & 0xFFFFFF00000000 == 0


def form_ok(f):
    size = len(f["payload"])
    if f["seq"] == 0 or not party_ok(f["party"]) or f["flags"] & ~(HOP | RECEIPT | STORE | PING):
        return False
    if f["flags"] & PING:
        return f["flags"] == PING and f["app"] == 0 and f["party"] == 0 and size == 0
    return size >= 16 if f["flags"] & HOP else f["party"] != 0


def verdict(data, slots):
    """@slots: those that have a session."""
    if not data:
        return "drop-short"
    if len(data) > 1232:
        return "drop-long"
    if data[0] == wire.HELLO_T and len(data) < wire.HELLO_LEN:
        return "drop-short"
    if data[0] != FRAME_T:
        return "drop-server-type" if data[0] in (9, 10, 12, 13) else "drop-type"
    if len(data) < HEADER:
        return "drop-short"
    f = wire.parsed(data)
    if not form_ok(f):
        return "drop-malformed"
    return "drop-tag" if f["slot"] in slots else "drop-slot"


# --- outsiders ---


def outsiders(s, family):
    """Without an account. The captured frame is a real one of alice's that has reached bob."""
    v = f"IPv{family}: "
    how = {"family": family}
    from_alice = {"src": s.alice.where()}
    slots = {x["slot"] for x in s.site.ctl("session", "list")}
    captured = s.to_bob()
    s.alice.send(captured)
    assert s.bob.collect(5, lambda: [f for f in s.bob.frames if f["payload"] == captured[HEADER:]]), "the captured frame was real"

    def judged(datagrams, how=how):
        return [(d, how, verdict(d, slots)) for d in datagrams]

    s.volley(v + "a frame cut at every length is dropped, by reason", judged(captured[:n] for n in range(len(captured))))
    flips = [bytes(b ^ (1 << bit) if i == at else b for i, b in enumerate(captured)) for at in range(40) for bit in range(8)]
    s.volley(v + "a frame with any bit of its header flipped is dropped, by reason", judged(flips))
    flips = [captured[:at] + bytes([captured[at] ^ 1 << bit]) + captured[at + 1 :] for at in range(40, 48) for bit in range(8)]
    s.volley(v + "a frame with any bit of its tag flipped is dropped as such", [(d, how, "drop-tag") for d in flips])
    long = [captured + secrets.token_bytes(n - len(captured)) for n in (len(captured) + 1, 1232, 1233, 1400)]
    s.volley(v + "a frame made longer is dropped, by reason", judged(long))
    types = [bytes([t]) + secrets.token_bytes(n) for t in range(256) if t not in (8, 11) for n in (0, 47, 187, 1199)]
    s.volley(v + "types that only servers send, DIRECT, TRUNK and unknown ones are dropped", judged(types))
    noise = [secrets.token_bytes(secrets.randbelow(1232)) for _ in range(200)]
    noise = [bytes([t[0] & 0x0F]) + t[1:] if t else t for t in noise if not (t and t[0] & 15 == 8)]
    s.volley(v + "random bytes are dropped, by reason", judged(noise))
    if family == 6:
        return
    s.volley("a captured frame from its own address is dropped as a replay", [(captured, from_alice, "drop-replay")] * 3)
    s.volley("a captured frame from another address is dropped, with no word about paths", [(captured, {}, "drop-replay")] * 3)
    every = [*range(SESSIONS), SESSIONS, SESSIONS + 1, 1 << 31, wire.NO_SLOT]
    spoofed = [captured[:4] + le(slot, 4) + captured[8:] for slot in every if slot != s.alice.slot]
    s.volley("a frame under every other slot is dropped, by reason", judged(spoofed))


def replays(s):
    """Of what never went to another person: PINGs, messages to the server, frames that were refused."""
    ping, message = s.alice.frame(flags=PING), s.alice.hop(wire.pb(1, b""))
    refused = s.alice.to(s.bob.account, 0, b"x" * 20)
    for d in (ping, message, refused):
        s.alice.send(d)
    assert s.alice.collect(5, lambda: s.alice.pings and s.alice.notices)
    away = {"src": (s.raw.own[4], 40001)}
    for text, how in (("its own address", {"src": s.alice.where()}), ("elsewhere", away)):
        s.volley(f"a captured PING from {text} is not answered", [(ping, how, "drop-replay")] * 2)
        s.volley(f"a captured message to the server from {text} is dropped", [(message, how, "drop-replay")] * 2)
        s.volley(f"a captured frame that was refused, from {text}, gets no second NOTICE", [(refused, how, "drop-replay")] * 2)


def bad_hellos(s, before, count):
    """Control has refused so many; a copy of one that is being worked on has its own counter."""

    def refused_all():
        now = s.site.counters()
        return sum(now[k] - before[k] for k in ("hello_bad", "hello_pending")) == count and now["hello_bad"] > before["hello_bad"]

    wait_for(refused_all, 10, "control has counted them")


def hellos(s):
    """HELLOs that no client makes, and what a cookie is worth."""
    w, net = s.w, s.w.net
    static = secrets.token_bytes(32)
    here = (s.raw.own[4], 40002)
    shake = wire.Handshake(static, s.mallory.print)
    first = shake.first()
    how = {"src": here}
    s.watch.mark()
    s.raw.send(first, **how)
    s.watch.until(1)
    retries = s.watch.out()
    ok = len(retries) == 1 and len(retries[0].payload) == wire.RETRY_LEN and retries[0].dst == here
    s.tap.ok(ok, "a HELLO without a cookie is answered by a RETRY of 188 bytes, to where it came from")
    shake.retry(retries[0].payload)
    good = shake.second()
    bad_forms = [first[:-1], good[:-1], good[:1] + b"\2\1" + good[3:], good[:3] + b"\1" + good[4:], good[:-1] + b"\1",
                 good[:42] + b"\1" + good[43:], good[:40] + le(1157, 2) + good[42:], first[:40] + le(96, 2) + first[42:],
                 good[:40] + bytes(2) + good[42:], first + bytes(32), good + bytes(32)]  # fmt: skip
    s.volley("HELLOs of a wrong form or length are dropped",
             [(d, how, "drop-short" if len(d) < 1200 else "drop-malformed") for d in bad_forms])  # fmt: skip
    versions = [(0, 0), (2, 2), (2, 9), (200, 255)]
    s.volley("a HELLO with a right cookie but no version of ours is dropped as such",
             [(good[:1] + bytes(v) + good[3:], how, "drop-version") for v in versions])  # fmt: skip
    elsewhere = [(good, {"src": (here[0], here[1] + 1)}, "retry"), (good, {"src": (s.alice.where()[0], here[1])}, "retry"),
                 (good, {"src": (s.raw.own[6], here[1])}, "retry")]  # fmt: skip
    s.volley("another's cookie, from another port, address or family, gets a RETRY", elsewhere, answers=3)
    forged = [(good[:20] + secrets.token_bytes(20) + good[40:], how, "retry") for _ in range(20)]
    s.volley("a made-up cookie gets a RETRY", forged, answers=20)
    before = s.site.counters()
    garbage = [(wire.hello(secrets.token_bytes(16), shake.cookie, secrets.token_bytes(n)), how, "up-hello") for n in (1, 95, 96, 127, 1156)]
    garbage += [(good[:60] + bytes([good[60] ^ 1]) + good[61:], how, "up-hello"), (good[:4] + b"\xff" * 16 + good[20:], how, "up-hello")]
    s.volley("a right cookie with a wrong Noise message is not answered", garbage)
    bad_hellos(s, before, len(garbage))
    mallory = w.keep(wire.Client(net, net.c[3], s.site, static))
    mallory.handshake()
    s.watch.mark()
    mallory.send(mallory.to(s.alice.account, s.grants[s.bob]["alice"], b"x" * 30))
    s.watch.until(1)
    ok = s.watch.rose() == {"rx": 1, "drop-prelogin": 1} and not s.watch.out()
    s.tap.ok(ok, "a session before login can write to nobody, even with a grant", s.watch.rose())
    code, _, _ = mallory.request(wire.M_CONTACTS)
    s.tap.ok(code == wire.E_LOGIN, "a session before login is told nothing but to log in", code)


def packets(s):
    """Below UDP: frames that alice has made and that mallory has taken on their way; bob gets none of them."""
    kernel = s.w.driver == "socket"
    src = {"src": s.alice.where()}
    src6 = {"family": 6}
    none = "drop-checksum"
    s.volley("IPv4: a UDP checksum of 0 is refused", [(s.to_bob(), {**src, "udp_sum": raw.NONE}, None if kernel else none) for _ in range(3)])
    s.volley("IPv6: a UDP checksum of 0 is refused",
             [(s.to_bob(), {**src6, "udp_sum": raw.NONE}, None if kernel else none) for _ in range(3)])  # fmt: skip
    s.volley("a wrong checksum of the IPv4 header is refused",
             [(s.to_bob(), {**src, "bad_sum": True}, None if kernel else none) for _ in range(3)])  # fmt: skip
    heard = len(s.bob.frames)
    for how in (src, src6):
        for _ in range(3):
            s.raw.send(s.to_bob(), udp_sum=raw.WRONG, **how)
    s.alice.ping()
    s.bob.ping()
    s.tap.ok(len(s.bob.frames) == heard, "a damaged payload under a wrong UDP checksum reaches no program, and is not laundered")
    s.settle()
    first = [(s.to_bob(), {**src, "fragment": 64}, "drop-fragment") for _ in range(3)]
    s.volley("IPv4 fragments are refused", first)
    # where the kernel does not put them together for us, it is the kernel's whose they are
    s.volley("IPv6 fragments are refused", [(s.to_bob(), {**src6, "fragment": 64}, "drop-fragment" if kernel else None) for _ in range(3)])
    old = s.to_bob()
    s.alice.send(old)
    s.bob.collect(5, lambda: [f for f in s.bob.frames if f["payload"] == old[HEADER:]])
    s.volley("IPv4 options change nothing: a replay is one", [(old, {**src, "options": b"\x01" * n}, "drop-replay") for n in (4, 40)])
    wrong = old[:40] + bytes(8) + old[48:]
    skip = b"\x1e\x04abcd"  # an option that who does not know it passes over
    headers = [[(raw.DESTINATION, skip)], [(raw.HOP_BY_HOP, skip)], [(raw.HOP_BY_HOP, skip), (raw.DESTINATION, skip + b"\x01\x00" + skip)]]
    s.volley("IPv6 extension headers bring nothing through",
             [(wrong, {**src6, "headers": h}, "drop-tag" if kernel else None) for h in headers])  # fmt: skip
    strange = [("224.0.0.5", 5000), ("127.0.0.1", 5000), ("0.0.0.0", 5000), ("255.255.255.255", 5000), ("ff02::1", 5000), ("::1", 5000)]
    seen = [(harness.SERVER6, 4700), (s.raw.own[4], 0), (s.raw.own[6], 0)]  # the kernel lets these through to a socket
    hello = wire.Handshake(secrets.token_bytes(32), s.mallory.print).first()
    s.volley("what comes from where no answer can go to is dropped",
             [(hello, {"src": src}, None if kernel else "drop-malformed") for src in strange]
             + [(hello, {"src": src}, "drop-malformed") for src in seen])  # fmt: skip


# --- people with an account ---


def wrong_forms(s):
    """Frames with a right tag that PROTOCOL.md forbids."""
    m, account = s.mallory, s.carol.account
    grant, how = s.grants[m]["carol"], {"src": m.where()}
    to = dict(party=party(1, 0, account), grant=grant)
    bad = [m.frame(b"", flags=NOTICE, app=1, **to), m.frame(b"", flags=NOTICE, app=wire.N_CLOSED), m.frame(b"x" * 40, flags=0x20, **to),
           m.frame(b"x" * 40, flags=0x81, **to), m.frame(b"x" * 40, seq=0, **to), m.frame(b"x" * 40, party=party(3, 0, 5)),
           m.frame(b"x" * 40, party=party(1, 0, 0)), m.frame(b"x" * 40, party=party(0, 0, 5), flags=HOP), m.frame(b"x", flags=PING),
           m.frame(b"", flags=PING | RECEIPT), m.frame(b"", flags=PING, app=1), m.frame(b"", flags=PING, **to),
           m.frame(b"x" * 40), m.frame(b"x" * 15, flags=HOP), m.frame(b"x" * 40, party=party(2, 1, 5))]  # fmt: skip
    s.volley("frames of a logged-in person that the protocol forbids are dropped", [(d, how, "drop-malformed") for d in bad])
    s.volley("a frame sealed for the relay to a person gets NOTICE seal", [(m.frame(b"x" * 40, flags=HOP, **to), how, "drop-seal")],
             {"notice-seal": 1}, answers=1)  # fmt: skip
    others = [m.frame(b"x" * 40, slot=c.slot, **to) for c in (s.alice, s.bob, s.carol)]
    s.volley("a person's tag under another's slot is wrong", [(d, how, "drop-tag") for d in others])


def refusals(s):
    """Frames to whom one may not write: what is answered must not tell why."""
    m, day = s.mallory, int((time.time() * 1000 - wire.EPOCH_2020_MS) // 86_400_000)
    account = {x["login"]: x["account"] for x in s.site.ctl("user", "list")}
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
        "no contact, offline, forged grant": (party(1, 0, account["dave"]), forged),
        "disabled, forged grant": (party(1, 0, account["erin"]), forged),
        "contact, grant for another": (party(1, 0, s.carol.account), s.grants[s.alice]["bob"]),
        "a group": (party(2, 0, 5), 0),
    }


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
            sizes.setdefault(name, set()).add((n["bytes"][:8], n["app"], n["party"] == to, n["grant"], len(n["bytes"]), len(got)))
            time.sleep(1 / LIMITS["limits__notices_per_second"])
        m.notices.clear()
    same = {(struct.pack("<BBHI", FRAME_T, NOTICE, wire.N_UNKNOWN, m.slot), wire.N_UNKNOWN, True, 0, HEADER, 1)}
    s.tap.ok(all(v == same for v in sizes.values()), "unknown, not a contact, no grant, forged or somebody else's grant: the same NOTICE", sizes)
    for c in s.people:
        c.collect(0.1)
    s.tap.ok(heard == [len(c.frames) for c in s.people], "none of them reached anybody")
    s.tap.ok(s.site.counters()["punt_offline"] == 0, "that somebody is offline is told to nobody who may not write to him")
    group = {"nobody": [], "there, online": [], "there, absent": []}
    for name, times in took.items():
        group["nobody" if "nobody" in name else "there, absent" if "offline" in name or "disabled" in name else "there, online"] += times
    typical = {name: statistics.median(t) * 1e6 for name, t in group.items()}
    low, high = min(typical.values()), max(typical.values())
    s.tap.note(", ".join(f"{name}: {us:.0f} us" for name, us in typical.items()))
    # the manager of a polling driver looks every millisecond: medians of the same case differ by a tenth
    s.tap.ok(high - low < 0.35 * low, "whether somebody is there, and online, cannot be told from the time of the refusal", typical)


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
    s.tap.ok(0 < len(told) <= LIMITS["limits__notices_per_second"] * (took + 1) + 1 and rose["drop-notice-limit"] == 390 - len(told),
             "who guesses grants is told NOTICE unknown so often and no more, the rest is counted", f"{len(told)} in {took:.2f} s, {rose}")  # fmt: skip


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
    s.tap.ok(rose.get("drop-quota-frames", 0) > 1000 and rose.get("drop-quota-bytes", 0) > 100, "the flood is dropped, by frames and by bytes",
             rose)  # fmt: skip
    got = [f for f in s.carol.frames if f["payload"][:1] in (b"y", b"z")]
    s.tap.ok(len(got) <= LIMITS["limits__frames_per_second"] * (took + 1) + 1, "no more frames than the quota arrive", len(got))
    fast = [n for n in m.notices if n["app"] == wire.N_TOO_FAST]
    most = LIMITS["limits__notices_per_second"] * (took + 1) + 1
    s.tap.ok(0 < len(fast) <= most and rose["notice-too-fast"] >= len(fast), "the flooder is told NOTICE too fast, so often and no more",
             f"{len(fast)} of at most {most:.0f}")  # fmt: skip
    s.tap.ok(rose.get("drop-notice-limit", 0) > 0, "NOTICEs beyond the budget are counted")
    sent = sum(len(d.payload) for d in s.watch.out(s.w.net.c[3]))
    s.tap.ok(sent < sum(map(len, small + big)), "the flooder gets less than she has sent")


def messages(s):
    """Frames to the server that are no message, from a logged-in person, while somebody else logs in."""
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
    garbage = [b"", b"\xff" * 50, b"\x0a\xff", wire.pb(9, b"x"), wire.pb(1, b"\x08"), wire.pb(1, wire.pb(1, 5) + b"\x1a\xff\xff\xff\xff\x0f"),
               wire.pb(1, 7), b"\x0b" * 60, b"\x0a\x0a" * 500, wire.pb(2, wire.pb(2, b"\xff" * 30))]  # fmt: skip
    garbage += [secrets.token_bytes(secrets.randbelow(1168)) for _ in range(60)]
    for plain in garbage:
        m.send(m.hop(plain))
        time.sleep(0.005)
    for app in (1, 65535):
        m.send(m.hop(wire.pb(1, wire.pb(1, m.next_id()) + wire.pb(2, wire.M_WHOAMI)), app=app))
    code, reply, _ = m.request(wire.M_WHOAMI)
    s.tap.ok(code == 0 and reply[1] == [m.account], "garbage in sealed messages harms nothing: the same session is served on", code)
    now = s.site.counters()
    s.tap.ok(now["request_bad"] - before["request_bad"] >= 50, "garbage in sealed messages is counted", now["request_bad"] - before["request_bad"])
    code, _, _ = m.request(4711)
    s.tap.ok(code == 11, "an unknown method is answered by E_UNSUPPORTED", code)

    s.site.ctl("user", "add", "frank", secret="correct horse battery\n")
    frank = s.w.keep(wire.Client(s.w.net, s.w.net.c[2], s.site))

    def flood():
        end, n = time.monotonic() + 3, 0
        while time.monotonic() < end:
            n += 1
            m.send(m.hop(wire.pb(1, wire.pb(1, n) + wire.pb(2, (wire.M_CONTACTS, wire.M_KEYS_GET)[n % 2]) + wire.pb(3, wire.pb(1, s.carol.account)))))
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
    s.tap.ok(code == 0 and took < 3, "while one session floods the server with requests, another logs in", f"{code} after {took:.2f} s")
    s.tap.ok(s.watch.rose().get("drop-quota-frames", 0) > 0, "requests over the quota are dropped as such", s.watch.rose())


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
    s.tap.ok(said["gina"] == said["gone"] == said["bob"] and len(said["gina"]) == 1, "wrong password, unknown name, account without password: the same answer",
             dict(said))  # fmt: skip
    # the faster half: what else the machine does only adds
    typical = {name: sorted(t)[len(t) // 4] * 1000 for name, t in took.items()}
    s.tap.note(", ".join(f"{name}: {ms:.1f} ms" for name, ms in typical.items()))
    low, high = min(typical.values()), max(typical.values())
    s.tap.ok(low > 5 and high - low < 0.25 * low, "… after the same time within noise", typical)


# --- captured handshakes ---


class Captured:
    """alice's login; mallory has seen it all."""

    def __init__(self, s):
        self.hello, self.welcome, self.where = s.alice.sent_hello, s.alice.got_welcome, s.alice.where()
        self.at = time.monotonic()


def captured_now(s, c):
    before = s.site.counters()
    s.volley("a HELLO sent again is handed up", [(c.hello, {"src": c.where}, "up-hello")] * 3, {"control-tx": 3}, answers=3)
    s.tap.ok({d.payload for d in s.watch.out()} == {c.welcome}, "the same HELLO gets the same WELCOME")
    now = s.site.counters()
    s.tap.ok(now["session_opened"] == before["session_opened"] and now["hello_repeated"] == before["hello_repeated"] + 3,
             "… and makes no second session")  # fmt: skip
    port = (c.where[0], c.where[1] ^ 1)
    s.volley("a captured HELLO from elsewhere gets a RETRY at most",
             [(c.hello, how, "retry") for how in ({"src": port}, {}, {"family": 6})], answers=3)  # fmt: skip
    m = wire.Handshake(s.mallory.static, s.mallory.print)
    s.watch.mark()
    s.raw.send(m.first())
    s.watch.until(1)
    m.retry(s.watch.out()[0].payload)
    mine = c.hello[:20] + m.cookie + c.hello[40:]
    s.volley("a captured HELLO with the attacker's own cookie is not answered", [(mine, {}, "up-hello")] * 3)
    bad_hellos(s, now, 3)
    s.tap.ok(s.site.counters()["session_opened"] == before["session_opened"], "… and makes no session")


def captured_later(s, c):
    """The server has forgotten that HELLO; its cookie is still good."""
    s.settle()
    time.sleep(max(0, c.at + HELLO_KEPT_S + 0.5 - time.monotonic()))
    for person in s.people:
        person.collect(0.05)
        person.pushes.clear()
        person.notices.clear()
    before, sessions = s.site.counters(), s.site.sessions("alice")
    s.watch.mark()
    s.raw.send(c.hello, src=c.where)
    s.watch.until(1)
    wait_for(lambda: s.site.counters()["session_opened"] == before["session_opened"] + 1, 10, "the server cannot know that it is old")
    wait_for(lambda: s.watch.out(), 5, "it is answered")
    out = s.watch.out()
    s.tap.ok(all(d.dst == c.where and len(d.payload) < len(c.hello) for d in out) and out[0].payload != c.welcome,
             "a captured HELLO sent again later is answered to the address it was made for, with keys nobody has")  # fmt: skip
    for person in s.people:
        person.ping()
        person.collect(0.3)
    open_ = [x for x in s.site.sessions("alice") if x["state"] == "open"]
    s.tap.ok(open_ == [x for x in sessions if x["state"] == "open"] and s.site.status_of("alice") == "online", "… it replaces nothing", open_)
    s.tap.ok(not any(p.presences() for p in s.people), "… it announces nothing: nobody is told of presence", [p.pushes for p in s.people])
    s.tap.ok(not s.alice.pushes and not s.alice.notices, "… alice is told nothing", (s.alice.pushes, s.alice.notices))
    got = wire.reach(s.bob, s.alice, s.grants[s.bob]["alice"])
    s.tap.ok(got and got["slot"] == s.alice.slot, "… and frames to alice go to the session that she has")


# --- the whole ---

LIMITS = {"limits__frames_per_second": 400, "limits__notices_per_second": 150,
          "limits__login_failures_per_account": "100000/min", "limits__login_failures_per_address": "100000/min"}  # fmt: skip


def sums(s):
    """Every datagram has had exactly one verdict."""
    text = (ROOT / "dataplane/counters.h").read_text(encoding="utf-8")
    verdicts = re.findall(r'X\(CHQ_\w+, "([a-z-]+)", VERDICT,', text)

    def equal():
        stats = s.site.ctl("dp", "stats")
        return all(sum(w.get(v, 0) for v in verdicts) == w["rx"] for w in stats["workers"])

    wait_for(equal, 5, "the sum of all verdicts is the number of datagrams")
    s.tap.ok(len(verdicts) > 30, "every datagram was counted under exactly one verdict")


def main(w):
    w.build(4, **LIMITS)
    pids = w.site.dataplane.proc.pid, w.site.control.proc.pid
    s = Scene(w)
    c = Captured(s)
    captured_now(s, c)
    outsiders(s, 4)
    outsiders(s, 6)
    replays(s)
    hellos(s)
    packets(s)
    s.chat("after all that, alice and bob reach each other")
    wrong_forms(s)
    refused(s)
    guesser(s)
    flooder(s)
    messages(s)
    passwords(s)
    captured_later(s, c)
    s.chat("at the end, alice and bob reach each other")
    sums(s)
    alive = w.site.dataplane.alive() and w.site.control.alive()
    w.tap.ok(alive and pids == (w.site.dataplane.proc.pid, w.site.control.proc.pid), "both daemons have lived through it")
    w.tap.ok(not re.search(r"assert|Sanitizer|panic", w.site.dataplane.log() + w.site.control.log()), "neither has complained")


harness.scenario(main)
