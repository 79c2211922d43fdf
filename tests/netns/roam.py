#!/usr/bin/env python3
"""
roam.py DRIVER PROGRAM…: a client's address changes while it talks; others try to make it seem so.

    ns c1 (alice, IPv4) ──┐                    ┌── ns px: alice's NAT, that forgets her port
                          ├── ns lan: bridge ──┤
    ns c2 (bob, IPv6) ────┤                    └── ns srv: the site
    ns c3 (the thief) ────┘

alice reaches the server through the proxy in px first, then by herself. Listeners on the interfaces of c1, c2 and c3 see what
arrives at addresses that a session has left, or never had.
"""
import socket
import time

import harness
from harness import F_NOTICE, NOTICE_PATH, PORT, SERVER4, Sniffer, packet4, wait_for
from people import Person
from proxy import Proxy

F_STORE = 0x04  # may wait for an absent recipient: chat does
QUIET_S = 1.5  # so long an address that is left must stay silent while messages flow


def speak(a, b, text, seconds=20):
    """One message each way, with its receipt."""
    for p, other in ((a, b), (b, a)):
        line = f"{text} of {p.login}"
        p.say(line)
        wait_for(lambda: line in other.shown(p.login) and line in p.delivered(), seconds, f"{other.login} gets: {line}")


def is_chat(d):
    """A frame with a message: neither receipt, PING nor to the server."""
    return d[0] == harness.FRAME and d[1] & ~F_STORE == 0


def place(w, login):
    """Where the session is, as control has heard."""
    return w.site.sessions(login)[0]["address"]


def settled():
    """The time now, when what was under way has arrived and was seen."""
    time.sleep(0.2)
    return time.monotonic()


def moves(w):
    return w.site.stats().get("move", 0)


def talk_for(a, b, seconds, text):
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        n += 1
        speak(a, b, f"{text} {n}")
    return n


def nat_forgets(w, a, b, proxy):
    """The address changes and the client does not know."""
    up = proxy.newest()
    before = moves(w)
    old = proxy.rebind(up)
    with w.tap.fact("her NAT gives her another port: the chat goes on"):
        speak(a, b, "after rebinding")
        wait_for(lambda: moves(w) > before, 10, "the session moves")
    moved = settled()
    talk_for(a, b, QUIET_S, "rebound")
    w.tap.ok(moves(w) == before + 1, "one path challenge moved the session", f"{before} -> {moves(w)}")
    w.tap.ok(not up.late_for(old, moved), "the old port gets nothing more", len(up.late_for(old, moved)))
    w.tap.ok(place(w, "alice").endswith(f":{up.port()}"), "control knows the new address", place(w, "alice"))


def address_changes(w, a, b, family, host):
    """The address goes, another comes: the client sees it itself."""
    ns, ear = a.ns, w.keep(Sniffer(w.net, a.ns))
    old, bits = w.net.address(ns, family), 24 if family == 4 else 64
    new = f"{'10.47.0.' if family == 4 else 'fd47::'}{host}"
    before, opened = moves(w), w.site.counters()["session_opened"]
    w.net.ip(ns, "addr", "del", f"{old}/{bits}", "dev", "eth0")
    w.net.ip(ns, "addr", "add", f"{new}/{bits}", "dev", "eth0", *(["nodad"] if family == 6 else []))
    with w.tap.fact(f"{a.login}'s IPv{family} address changes: the chat goes on"):
        speak(a, b, f"from {new}")
        wait_for(lambda: moves(w) > before, 10, "the session moves")
    moved = settled()
    talk_for(a, b, QUIET_S, f"at {new}")
    w.tap.ok(moves(w) == before + 1, "one path challenge moved the session", f"{before} -> {moves(w)}")
    late = [d for d in ear.from_server() if d.dst[0] == old and d.time > moved]
    came = [d for d in ear.from_server() if d.dst[0] == new]
    w.tap.ok(came and not late, "the old address gets nothing more", f"{len(came)} at the new one, {len(late)} late")
    w.tap.ok(w.site.counters()["session_opened"] == opened, "it is the same session")


def interface_changes(w, a, b):
    """From one cable to another: the next hop changes with the address."""
    before, mac = moves(w), w.net.mac(a.ns)
    ear = w.keep(Sniffer(w.net, a.ns))
    w.net.second_interface(a.ns, "eth1", "10.47.0.211/24")
    w.net.ip(a.ns, "addr", "flush", "dev", "eth0", "scope", "global")
    with w.tap.fact(f"{a.login} goes on by another interface: the chat goes on"):
        speak(a, b, "by another cable")
        wait_for(lambda: moves(w) > before, 10, "the session moves")
    moved = settled()
    talk_for(a, b, QUIET_S, "on eth1")
    late = [d for d in ear.from_server() if d.time > moved]
    w.tap.ok(moves(w) == before + 1, "one path challenge moved the session", f"{before} -> {moves(w)}")
    w.tap.ok(not late, "the old interface gets nothing more", f"{len(late)} came for {mac}")


class Thief:
    """Frames of a client that are seen on their way, sent from elsewhere."""

    def __init__(self, w):
        self.w, self.ns = w, w.net.c[2]
        self.ear = w.keep(Sniffer(w.net, self.ns))
        self.sock = w.net.socket(self.ns, socket.AF_INET)
        self.sock.connect((SERVER4, PORT))
        self.mac = w.net.mac(w.net.srv, "relay0")
        self.own = w.net.mac(self.ns)

    def notices(self):
        return [d for d in self.ear.from_server() if d.frame() and d.frame()[0] == F_NOTICE]

    def forge(self, payload, source):
        """With somebody else's source address, by a raw socket."""
        self.ear.send(packet4(self.mac, self.own, source, (SERVER4, PORT), payload))


def thief_replays(w, a, b, proxy, thief):
    """A captured frame, sent again: from the thief's address, and with a forged one."""
    up = proxy.newest()
    taken = []
    proxy.hold = lambda u, d: taken.append(d)  # list.append() returns None: nothing is held back
    speak(a, b, "captured")
    proxy.hold = None
    frame = next(d for d in taken if is_chat(d))
    before, stats = place(w, "alice"), w.site.stats()
    thief.sock.send(frame)
    thief.forge(frame, ("10.47.0.77", 7777))
    thief.forge(frame, (w.net.address(w.net.c[1]), 5555))
    wait_for(lambda: w.site.stats().get("drop-replay", 0) >= stats.get("drop-replay", 0) + 3, 10, "three replays are dropped")
    speak(a, b, "after the replay")
    now = w.site.stats()
    w.tap.ok(now["drop-replay"] == stats.get("drop-replay", 0) + 3, "a captured frame sent again is dropped, wherever from")
    w.tap.ok(not thief.notices() and now.get("notice-path", 0) == stats.get("notice-path", 0), "and not answered")
    w.tap.ok(place(w, "alice") == before and now.get("move", 0) == stats.get("move", 0), "the session stays", place(w, "alice"))
    return up


def thief_races(w, a, b, proxy, thief, send, where):
    """A valid, newer frame reaches the server from elsewhere before the client's own."""
    up = proxy.newest()
    before, stats = moves(w), w.site.stats()
    heard = len(thief.notices())
    raced = []

    def hold(u, d):
        if not raced and u is up and is_chat(d):
            raced.append(d)
            send(d)
            return True  # the client's own comes later, by its resending
        return False

    proxy.hold = hold
    with w.tap.fact(f"a client's frame raced from {where}: it reaches the other once"):
        speak(a, b, f"raced from {where}")
    proxy.hold = None
    up.sock.send(raced[0])  # the original, late
    count = talk_for(a, b, QUIET_S, "after the race")
    notices = thief.notices()[heard:]
    came = [d for d in thief.ear.from_server() if d.frame() and d.frame()[0] != F_NOTICE]
    now = w.site.stats()
    w.tap.ok(raced and moves(w) == before, "nothing moves", f"{before} -> {moves(w)}")
    w.tap.ok(count > 2 and not came, "the next frames still go to the client's own address", f"{len(came)} to the thief")
    w.tap.ok(now.get("notice-path", 0) == stats.get("notice-path", 0) + 1, "the other address is asked once to prove itself")
    w.tap.ok(now.get("drop-replay", 0) > stats.get("drop-replay", 0), "the client's own copy is dropped as a replay")
    return notices


def main(w):
    tap = w.tap
    w.build(3, proxy=True)
    proxy = w.keep(Proxy(w.net, w.net.px, (harness.PROXY4, PORT), (SERVER4, PORT)))
    a = w.keep(Person.make(w.site, w.net.c[0], "alice", harness.PROXY4))
    b = w.keep(Person.make(w.site, w.net.c[1], "bob", harness.SERVER6))
    w.site.befriend("alice", "bob")
    for p in (a, b):
        p.enter()
    a.chat("bob")
    b.chat("alice")
    speak(a, b, "first")
    thief = Thief(w)
    nat_forgets(w, a, b, proxy)
    thief_replays(w, a, b, proxy, thief)
    notices = thief_races(w, a, b, proxy, thief, thief.sock.send, "the thief's address")
    tap.ok(len(notices) == 1 and len(notices[0].payload) == 48 and notices[0].frame()[1] == NOTICE_PATH,
           "the thief gets one NOTICE, shorter than what it has sent")  # fmt: skip
    forged = lambda d: thief.forge(d, ("10.47.0.77", 7777))  # noqa: E731
    notices = thief_races(w, a, b, proxy, thief, forged, "a forged address")
    tap.ok(len(notices) <= 1, "the source gets at most one NOTICE", len(notices))
    address_changes(w, b, a, 6, 201)
    a.leave()
    a.invitation = w.site.invite(SERVER4)
    a.enter()
    a.chat("bob")
    address_changes(w, a, b, 4, 201)
    interface_changes(w, a, b)


harness.scenario(main)
