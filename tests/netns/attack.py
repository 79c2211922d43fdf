#!/usr/bin/env python3
"""
attack.py DRIVER PROGRAM…: what somebody with PROTOCOL.md, a raw socket and other people's captured datagrams, but
without an account, can do. Every packet must end under its own counter, reach nobody, and be answered by nothing, or
by less than what came. The network is that of scene.py.
"""
import secrets
import time

import harness
import raw
import wire
from harness import wait_for
from scene import LIMITS, Scene
from wire import FRAME_T, HEADER, HOP, PING, RECEIPT, STORE, le

SESSIONS = 1024
HELLO_KEPT_S = 10  # the server remembers the answer to a HELLO so long


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
    assert s.bob.collect(5,
                         lambda: [f for f in s.bob.frames
                         if f["payload"] == captured[HEADER:]]), "the captured frame was real"

    def judged(datagrams, how=how):
        return [(d, how, verdict(d, slots)) for d in datagrams]

    s.volley(v + "a frame cut at every length is dropped, by reason",
             judged(captured[:n] for n in range(len(captured))))
    flips = [bytes(b ^ (1 << bit) if i == at else b for i, b in enumerate(captured)) for at in range(40)
             for bit in range(8)]
    s.volley(v + "a frame with any bit of its header flipped is dropped, by reason", judged(flips))
    flips = [captured[:at] + bytes([captured[at] ^ 1 << bit]) + captured[at + 1 :] for at in range(40, 48)
             for bit in range(8)]
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
    down = [f["bytes"] for f in s.bob.frames[-3:]]
    s.volley("what the server has sent to somebody is not taken back from him", [(d, how, "drop-tag") for d in down])
    s.volley("a captured frame from its own address is dropped as a replay",
             [(captured, from_alice, "drop-replay")] * 3)
    s.volley("a captured frame from another address is dropped, with no word about paths",
             [(captured, {}, "drop-replay")] * 3)
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
        s.volley(f"a captured frame that was refused, from {text}, gets no second NOTICE",
                 [(refused, how, "drop-replay")] * 2)


def bad_hellos(s, before, count):
    """Control has refused so many; a copy of one that is being worked on has its own counter."""

    def refused_all():
        now = s.site.counters()
        return sum(now[k] - before[k] for k in ("hello_bad",
                   "hello_pending")) == count and now["hello_bad"] > before["hello_bad"]

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
                 good[:42] + b"\1" + good[43:], good[:40] + le(1157, 2) + good[42:],
                 first[:40] + le(96, 2) + first[42:], good[:40] + bytes(2) + good[42:], first + bytes(32),
                 good + bytes(32)]
    s.volley("HELLOs of a wrong form or length are dropped",
             [(d, how, "drop-short" if len(d) < 1200 else "drop-malformed") for d in bad_forms])
    versions = [(0, 0), (2, 2), (2, 9), (200, 255)]
    s.volley("a HELLO with a right cookie but no version of ours is dropped as such",
             [(good[:1] + bytes(v) + good[3:], how, "drop-version") for v in versions])
    elsewhere = [(good, {"src": (here[0], here[1] + 1)}, "retry"),
                 (good, {"src": (s.alice.where()[0], here[1])}, "retry"),
                 (good, {"src": (s.raw.own[6], here[1])}, "retry")]
    s.volley("another's cookie, from another port, address or family, gets a RETRY", elsewhere, answers=3)
    forged = [(good[:20] + secrets.token_bytes(20) + good[40:], how, "retry") for _ in range(20)]
    s.volley("a made-up cookie gets a RETRY", forged, answers=20)
    before = s.site.counters()
    garbage = [(wire.hello(secrets.token_bytes(16), shake.cookie, secrets.token_bytes(n)), how, "up-hello")
               for n in (1, 95, 96, 127, 1156)]
    garbage += [(good[:60] + bytes([good[60] ^ 1]) + good[61:], how, "up-hello"),
                (good[:4] + b"\xff" * 16 + good[20:], how, "up-hello")]
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
    passed = s.w.driver != "af_xdp"  # what our program leaves to the kernel comes back by a socket of ours
    src = {"src": s.alice.where()}
    src6 = {"family": 6}
    none = "drop-checksum"
    s.volley("IPv4: a UDP checksum of 0 is refused",
             [(s.to_bob(), {**src, "udp_sum": raw.NONE}, None if kernel else none) for _ in range(3)])
    s.volley("IPv6: a UDP checksum of 0 is refused",
             [(s.to_bob(), {**src6, "udp_sum": raw.NONE}, None if kernel else none) for _ in range(3)])
    s.volley("a wrong checksum of the IPv4 header is refused",
             [(s.to_bob(), {**src, "bad_sum": True}, None if kernel else none) for _ in range(3)])
    heard = len(s.bob.frames)
    for how in (src, src6):
        for _ in range(3):
            s.raw.send(s.to_bob(), udp_sum=raw.WRONG, **how)
    s.alice.ping()
    s.bob.ping()
    s.tap.ok(len(s.bob.frames) == heard,
             "a damaged payload under a wrong UDP checksum reaches no program, and is not laundered")
    s.settle()
    first = [(s.to_bob(), {**src, "fragment": 64}, "drop-fragment") for _ in range(3)]
    s.volley("IPv4 fragments are refused", first)
    # where the kernel does not put them together for us, it is the kernel's whose they are
    s.volley("IPv6 fragments are refused",
             [(s.to_bob(), {**src6, "fragment": 64}, "drop-fragment" if passed else None) for _ in range(3)])
    old = s.to_bob()
    s.alice.send(old)
    s.bob.collect(5, lambda: [f for f in s.bob.frames if f["payload"] == old[HEADER:]])
    s.volley("IPv4 options change nothing: a replay is one",
             [(old, {**src, "options": b"\x01" * n}, "drop-replay") for n in (4, 40)])
    wrong = old[:40] + bytes(8) + old[48:]
    skip = b"\x1e\x04abcd"  # an option that who does not know it passes over
    headers = [[(raw.DESTINATION, skip)], [(raw.HOP_BY_HOP, skip)],
               [(raw.HOP_BY_HOP, skip), (raw.DESTINATION, skip + b"\x01\x00" + skip)]]
    s.volley("IPv6 extension headers bring nothing through",
             [(wrong, {**src6, "headers": h}, "drop-tag" if passed else None) for h in headers])
    strange = [("224.0.0.5", 5000), ("127.0.0.1", 5000), ("0.0.0.0", 5000), ("255.255.255.255", 5000),
               ("ff02::1", 5000), ("::1", 5000)]
    seen = [(harness.SERVER6, 4700), (s.raw.own[4], 0), (s.raw.own[6], 0)]  # the kernel lets these through to a socket
    hello = wire.Handshake(secrets.token_bytes(32), s.mallory.print).first()
    s.volley("what comes from where no answer can go to is dropped",
             [(hello, {"src": src}, None if kernel else "drop-malformed") for src in strange]
             + [(hello, {"src": src}, "drop-malformed") for src in seen])


# --- captured handshakes ---


class Captured:
    """alice's login; mallory has seen it all."""

    def __init__(self, s):
        self.hello, self.welcome, self.where = s.alice.sent_hello, s.alice.got_welcome, s.alice.where()
        self.at = time.monotonic()


def captured_now(s, c):
    before = s.site.counters()
    s.volley("a HELLO sent again is handed up", [(c.hello, {"src": c.where}, "up-hello")] * 3, {"control-tx": 3},
             answers=3)
    s.tap.ok({d.payload for d in s.watch.out()} == {c.welcome}, "the same HELLO gets the same WELCOME")
    now = s.site.counters()
    s.tap.ok(now["session_opened"] == before["session_opened"] and now["hello_repeated"] == before["hello_repeated"]
             + 3, "… and makes no second session")
    port = (c.where[0], c.where[1] ^ 1)
    s.volley("a captured HELLO from elsewhere gets a RETRY at most",
             [(c.hello, how, "retry") for how in ({"src": port}, {}, {"family": 6})], answers=3)
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
    wait_for(lambda: s.site.counters()["session_opened"] == before["session_opened"] + 1, 10,
             "the server cannot know that it is old")
    wait_for(lambda: s.watch.out(), 5, "it is answered")
    out = s.watch.out()
    s.tap.ok(all(d.dst == c.where and len(d.payload) < len(c.hello) for d in out) and out[0].payload != c.welcome,
             "a captured HELLO sent again later is answered to the address it was made for, with keys nobody has")
    for person in s.people:
        person.ping()
        person.collect(0.3)
    open_ = [x for x in s.site.sessions("alice") if x["state"] == "open"]
    s.tap.ok(open_ == [x for x in sessions if x["state"] == "open"] and s.site.status_of("alice") == "online",
             "… it replaces nothing", open_)
    s.tap.ok(not any(p.presences() for p in s.people), "… it announces nothing: nobody is told of presence",
             [p.pushes for p in s.people])
    s.tap.ok(not s.alice.pushes and not s.alice.notices, "… alice is told nothing", (s.alice.pushes, s.alice.notices))
    got = wire.reach(s.bob, s.alice, s.grants[s.bob]["alice"])
    s.tap.ok(got and got["slot"] == s.alice.slot, "… and frames to alice go to the session that she has")


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
    captured_later(s, c)
    s.close_up(pids)


harness.scenario(main)
