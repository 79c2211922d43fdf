#!/usr/bin/env python3
"""
flood.py DRIVER PROGRAM…: floods of HELLOs: from made-up addresses, and from one address that has a cookie. No memory
grows, nothing is amplified, and others log in and talk meanwhile.

    ns c1  alice (IPv4)  ───┐
    ns c2  bob (IPv6)    ───┼── ns lan: bridge ── ns srv: the site; 198.18.0.0/15 is routed to c3
    ns c3  the attacker  ───┘
"""
import json
import secrets
import socket
import struct
import time

import harness
import raw
import wire
from harness import PORT, SERVER4, checksum, run, wait_for

ADDRESSES = 10_000
WARM, DATAGRAMS = 20_000, 100_000
GUILTY = "198.18.7.7"
GUILTY_HELLOS = 4_000
PER_PREFIX = 200  # handshakes/s, the default
GROWTH = 1 << 20
LOGINS = 10  # of others, during each flood


def made_up(n):
    """One of 10,000 addresses in some 500 networks."""
    return bytes([198, 18 + n % 2, n // 2 % 251, 1 + n // 502 % 250])


class Flood:
    """HELLOs without a cookie, with a made-up one and with one of another address, in turn."""

    def __init__(self, attacker, cookie):
        self.attacker = attacker
        self.head = attacker.there + attacker.here + b"\x08\x00"
        self.to = socket.inet_aton(SERVER4)
        self.cookie = cookie

    def payload(self, n):
        nonce = n.to_bytes(16, "little")
        if n % 3 == 0:
            return wire.hello(nonce, bytes(20), b"")
        return wire.hello(nonce, secrets.token_bytes(20) if n % 3 == 1 else self.cookie, b"\x55" * 96)

    def packet(self, n):
        src, data = made_up(n % ADDRESSES), self.payload(n)
        udp = struct.pack(">HHHH", 1024 + n % 60000, PORT, 8 + len(data), 0) + data
        udp = udp[:6] + struct.pack(">H",
                                    checksum(src + self.to + struct.pack(">HH", 17, len(udp)) + udp)
                                    or 0xFFFF) + udp[8:]
        return self.head + raw.ipv4(src, self.to, udp)

    def send(self, first, count, rate):
        """At @rate datagrams a second at most."""
        begun = time.monotonic()
        for n in range(first, first + count):
            self.attacker.sock.send(self.packet(n))
            if n % 64 == 0:
                time.sleep(max(0, begun + (n - first) / rate - time.monotonic()))


def arrived(w):
    """Bytes and packets that came to the attacker's interface."""
    stats = json.loads(w.net.ip(w.net.c[2], "-j", "-s", "link", "show", "dev", "eth0"))[0]["stats64"]["rx"]
    return stats["bytes"], stats["packets"]


def others_live(w, alice, bob, over, want):
    """alice and bob log in anew, @want times in all, and talk until the flood is over. Frames, and the longest login."""
    logins = frames = 0
    longest = 0.0
    while not over() or logins < want:
        for c in (alice, bob) if logins < want else ():
            begun = time.monotonic()
            c.log_in()
            longest = max(longest, time.monotonic() - begun)
            logins += 1
        to_bob, to_alice = alice.contacts()["bob"]["grant"], bob.contacts()["alice"]["grant"]
        for _ in range(10):
            assert wire.reach(alice, bob, to_bob, seconds=8), "a frame arrives"
            assert wire.reach(bob, alice, to_alice, seconds=8), "a frame arrives"
            frames += 2
            time.sleep(0.01)
    return frames, longest


def made_up_addresses(w, alice, bob, attacker):
    tap, site = w.tap, w.site
    mine = wire.Handshake(secrets.token_bytes(32), alice.print)
    watch = w.keep(raw.Watch(site, w.net, [w.net.c[2]]))
    attacker.send(mine.first())
    watch.until(1)
    mine.retry(watch.out()[0].payload)
    watch.close()
    flood = Flood(attacker, mine.cookie)
    flood.send(0, WARM, 20_000)
    others_live(w, alice, bob, lambda: True, LOGINS)
    wait_for(lambda: site.stats()["rx"] >= WARM * 0.5, 10, "the first datagrams were received")
    daemons = (site.dataplane, site.control)
    before, stats, counters, came = [raw.rss_bytes(d) for d in daemons], site.stats(), site.counters(), arrived(w)
    used = site.ctl("dp", "status")["tables"]["sessions_used"]
    begun = time.monotonic()
    over = raw.in_child(lambda: flood.send(WARM, DATAGRAMS, 15_000))
    frames, longest = others_live(w, alice, bob, over, LOGINS)
    took = time.monotonic() - begun
    time.sleep(0.2)
    grown = [raw.rss_bytes(d) - b for d, b in zip(daemons, before)]
    now, later = site.stats(), arrived(w)
    rose = {k: v - stats.get(k, 0) for k, v in now.items() if v != stats.get(k, 0)}
    tap.note(f"{DATAGRAMS} HELLOs from {ADDRESSES} addresses in {took:.1f} s, meanwhile {LOGINS} logins (the longest "
             f"{longest:.2f} s) and {frames} frames; grown by {grown} bytes; {rose}")
    tap.ok(rose["retry"] > DATAGRAMS / 2, "the flood has reached the stages, which answer by RETRY", rose)
    tap.ok(frames >= 60 and longest < 5, "meanwhile others log in and talk",
           f"{LOGINS} logins, {frames} frames, {longest:.2f} s")
    for d, g in zip(daemons, grown):
        tap.ok(g < GROWTH, f"the memory of {d.name} has not grown", g)
    up = site.counters()["hello"] - counters["hello"]
    tap.ok(up == LOGINS == rose["up-hello"], "no HELLO without a right cookie reaches control", f"{up} of {LOGINS}")
    # the sessions that the others' new logins replaced linger; nothing else was opened
    now_used = site.ctl("dp", "status")["tables"]["sessions_used"]
    tap.ok(now_used - used <= LOGINS, "no session was opened for them", f"{used} then, {now_used} now")
    size = wire.RETRY_LEN + 42
    tap.ok(rose["tx-bytes"] < rose["rx-bytes"], "fewer bytes have left than came")
    back = later[0] - came[0]
    tap.ok(rose["retry"] * size * 0.5 < back < DATAGRAMS * 1242 / 4,
           "at the attacker's end a quarter of what was sent, at most, comes back", f"{back} bytes")


def one_address(w, alice, bob):
    """It receives what is sent to it, so its cookie is right; its Noise messages are garbage, but cost work."""
    tap, site = w.tap, w.site
    w.net.ip(w.net.c[2], "addr", "add", f"{GUILTY}/32", "dev", "eth0")
    s = w.keep(w.net.socket(w.net.c[2], socket.AF_INET))
    s.bind((GUILTY, 5000))
    s.settimeout(5)
    shake = wire.Handshake(secrets.token_bytes(32), alice.print)
    s.sendto(shake.first(), (SERVER4, PORT))
    shake.retry(s.recv(2048))
    before, counters, memory = site.stats(), site.counters(), raw.rss_bytes(site.control)

    def flood():
        for n in range(GUILTY_HELLOS):
            s.sendto(wire.hello(n.to_bytes(16, "little"), shake.cookie, secrets.token_bytes(96)), (SERVER4, PORT))
            time.sleep(0.0002)

    begun = time.monotonic()
    over = raw.in_child(flood)
    frames, longest = others_live(w, alice, bob, over, LOGINS)
    took = time.monotonic() - begun
    wait_for(lambda: site.stats()["up-hello"] - before["up-hello"] >= LOGINS + GUILTY_HELLOS / 2, 10,
             "the flood has arrived")
    rose = {k: v - before.get(k, 0) for k, v in site.stats().items() if v != before.get(k, 0)}
    now = site.counters()
    work = now["hello"] - counters["hello"] - LOGINS
    tap.note(f"{GUILTY_HELLOS} HELLOs in {took:.1f} s: {work} reached control, meanwhile {LOGINS} logins, the longest "
             f"{longest:.2f} s: {rose}")
    most = PER_PREFIX * (took + 1.5)
    dropped = sum(rose.get(f"drop-{k}", 0) for k in ("hello-prefix", "hello-total", "queue-hello"))
    tap.ok(0 < work <= most and work + dropped == rose["up-hello"] - LOGINS and rose["drop-hello-prefix"] > 0,
           "one network's handshakes are held to its budget, the rest is counted",
           f"{work} of at most {most:.0f}, {rose}")
    tap.ok(longest < 5, "others, in other networks, log in meanwhile", f"{longest:.2f} s")
    tap.ok(raw.rss_bytes(site.control) - memory < GROWTH, "the memory of chasqui-control has not grown")
    s.settimeout(0.2)
    try:
        answer = s.recv(2048)
    except TimeoutError:
        answer = None
    tap.ok(answer is None, "none of them was answered", answer)


def main(w):
    w.build(3)
    static = {name: wire.person(w.site, name) for name in ("alice", "bob")}
    w.site.befriend("alice", "bob")
    run("ip", "-n", w.net.srv, "route", "add", "198.18.0.0/15", "via", w.net.address(w.net.c[2]))
    alice = w.keep(wire.Client(w.net, w.net.c[0], w.site, static["alice"]))
    bob = w.keep(wire.Client(w.net, w.net.c[1], w.site, static["bob"], 6))
    attacker = w.keep(raw.Raw(w.net, w.net.c[2]))
    made_up_addresses(w, alice, bob, attacker)
    one_address(w, alice, bob)
    w.tap.ok(w.site.dataplane.alive() and w.site.control.alive(), "both daemons have lived through it")


harness.scenario(main)
