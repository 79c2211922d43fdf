#!/usr/bin/env python3
"""
limits.py DRIVER PROGRAM…: what is full says so, harms nothing that is there, and works again when there is room: the
disk, the database, the session table.

    ns c1, c2  clients ───  ns lan: bridge  ─── ns srv: the site, its database on a small tmpfs
"""
import os
import secrets
import shutil
import subprocess

import harness
import wire
from ctlsock import CtlSocket
from harness import run, wait_for

DISK = 8 << 20
SESSIONS = 64


class Disk:
    """A small file system under the site's database."""

    def __init__(self, site):
        self.site, self.store = site, f"{site.dir}/state/store"
        spare = f"{site.dir}/spare"
        shutil.move(self.store, spare)
        os.mkdir(self.store, 0o700)
        run("mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "chasqui-test", self.store)
        for name in os.listdir(spare):
            shutil.copy2(f"{spare}/{name}", self.store)
        self.ballast = f"{self.store}/ballast"

    def fill(self, leave):
        fs = os.statvfs(self.store)
        with open(self.ballast, "wb") as f:
            f.write(bytes(max(0, fs.f_bfree * fs.f_bsize - leave)))

    def make_room(self):
        os.unlink(self.ballast)

    def close(self):
        for d in (self.site.control, self.site.dataplane):
            if d.alive():
                d.kill()
        subprocess.run(["umount", "-l", self.store], check=False)


def operators(site):
    return CtlSocket(f"{site.dir}/run/control.sock", 30)


def add(ctl, name):
    return ctl.ask("user", "add", name, **{"device-key": secrets.token_hex(32), "name": "N" * 100})


def add_until_refused(site, prefix, most=20000):
    """Names that were acknowledged, and why the next one was not."""
    done = []
    with operators(site) as ctl:
        while len(done) < most:
            answer = add(ctl, f"{prefix}{len(done)}")
            if not answer["ok"]:
                return done, answer["error"]
            done.append(f"{prefix}{len(done)}")
    raise AssertionError(f"{most} accounts, and still room")


def all_there(site, names):
    with operators(site) as ctl:
        return set(names) <= {a["login"] for a in ctl.all("user", "list")}


def lives(w, alice, bob, text):
    """Who is on stays on; a new login of a device that is known works: nothing need be written for it."""
    bob.log_in()
    got = wire.reach(alice, bob, alice.contacts()["bob"]["grant"])
    w.tap.ok(got and w.site.control.alive() and w.site.ctl("user", "show", "alice")["login"] == "alice", text)


def restart_control(site, **settings):
    assert site.control.stop() == 0, "it ends when told"
    site.change(**settings)
    site.control.start()
    site.wait_ready()


def disk_full(w, alice, bob, disk):
    tap, site = w.tap, w.site
    disk.fill(512 << 10)
    names, why = add_until_refused(site, "d")
    tap.ok(why["code"] == "ENOSPC" and "no space" in why["message"],
           f"disk full: the account after {len(names)} is refused with that reason", why)
    lives(w, alice, bob, "disk full: who is known logs in and talks, and is shown")
    # what fits into pages that the database has already may be taken: but then it holds
    with operators(site) as ctl:
        off = ctl.ask("user", "disable", "carol")
        shown = ctl.ask("user", "show", "carol")["data"]["disabled"]
        on = ctl.ask("user", "enable", "carol")
        tries = [add(ctl, f"e{n}") for n in range(40)]
    names += [f"e{n}" for n, t in enumerate(tries) if t["ok"]]
    codes = {t["error"]["code"] for t in [off, on, *tries] if not t["ok"]}
    tap.ok(codes == {"ENOSPC"} and shown == off["ok"], "disk full: a change is refused with that reason, or it is made",
           (codes, off, shown, on))
    guest = w.keep(wire.Client(w.net, w.net.c[1], site))
    guest.handshake()
    code, _, _ = guest.log_in_by("carol", b"a good password", enroll=True)
    enrolled = len(site.ctl("user", "show", "carol")["devices"])
    tap.ok((code, enrolled) in ((0, 1), (wire.E_FULL, 0)),
           "disk full: a device that wants to be enrolled is told E_FULL, or it is enrolled", code)
    tap.ok(all_there(site, names), "disk full: what was acknowledged is there")
    disk.make_room()
    with operators(site) as ctl:
        tap.ok(add(ctl, "after")["ok"] and ctl.ask("user", "disable", "carol")["ok"]
               and ctl.ask("user", "enable", "carol")["ok"], "with room again, the same process takes changes again")
    guest.handshake()
    if not guest.account:
        code, _, _ = guest.log_in_by("carol", b"a good password", enroll=True)
    tap.ok(guest.account and len(site.ctl("user", "show", "carol")["devices"]) == 1, "… and the device is enrolled",
           code)
    site.control.kill()
    site.control.start()
    site.wait_ready()
    tap.ok(all_there(site, [*names, "after", "alice", "bob"]),
           "after kill -9 everything that was acknowledged is there")


def map_full(w, alice, bob):
    tap, site = w.tap, w.site
    size = max(os.stat(f"{site.dir}/state/store/data.mdb").st_size + (1 << 20), 2 << 20) >> 10  # twice the least mailbox.total
    restart_control(site, store__map_size=f"{size}KiB", store__map_max=f"{size}KiB",
                    mailbox__total="1MiB")
    names, why = add_until_refused(site, "m")
    tap.ok(why["code"] == "EFULL",
           f"database at store.map_max: the account after {len(names)} is refused with that reason", why)
    lives(w, alice, bob, "database full: who is known logs in and talks, and is shown")
    tap.ok(all_there(site, names), "database full: what was acknowledged is there")
    restart_control(site, store__map_max="64MiB")
    with operators(site) as ctl:
        tap.ok(add(ctl, "larger")["ok"],
               "with a larger store.map_max changes are taken again: the database grows by itself")
    tap.ok(all_there(site, [*names, "larger"]), "… and nothing was lost")


def sessions_full(w):
    """One client for each slot, and some more."""
    tap, site = w.tap, w.site
    clients, refused = [], []
    with operators(site) as ctl:
        for n in range(SESSIONS + 4):
            static = secrets.token_bytes(32)
            assert ctl.ask("user", "add", f"s{n}", **{"device-key": wire.x_public(static).hex()})["ok"]
            clients.append(w.keep(wire.Client(w.net, w.net.c[n % 2], site, static)))
        assert ctl.ask("friend", "request", "s0", "s1")["ok"] and ctl.ask("friend", "confirm", "s1", "s0")["ok"]
    used = site.ctl("dp", "status")["tables"]["sessions_used"]
    for c in clients:
        body = c.handshake()
        if body["status"] == 0:
            c.ping()
        else:
            refused.append(body)
    on = [c for c in clients if c.keys]
    tap.ok(len(on) == SESSIONS - used and site.ctl("dp", "status")["tables"]["sessions_used"] == SESSIONS,
           "every slot can be used", (used, len(on)))
    tap.ok(len(refused) == 4 + used
           and all(b["status"] == 2 and b["slot"] == wire.NO_SLOT and b["retry_after_s"] > 0 for b in refused),
           "session table full: further logins are told busy, and when to come again", refused)
    for c in on:
        c.ping()
    got = wire.reach(clients[0], clients[1], clients[0].contacts()["s1"]["grant"])
    with tap.fact("session table full: those who are on stay on, and talk"):
        wait_for(lambda: sum(x["state"] == "open" for x in site.ctl("session", "list", "--limit", "1000")) == len(on), 10,
                 "all are open")
        assert got, "a frame arrives"
    code, _, _ = on[5].request(wire.M_LOGOUT)
    wait_for(lambda: site.ctl("dp", "status")["tables"]["sessions_used"] == SESSIONS - 1, 10, "a slot is free")
    late = next(c for c in clients if not c.keys)
    body = late.handshake()
    tap.ok(code == 0 and body["status"] == 2,
           "a slot that was just left rests first, so that nothing late reaches its next owner", body)


def unconfirmed_full(w):
    """Sessions that never say anything: they have a pool of their own."""
    tap, site = w.tap, w.site
    silent = [w.keep(wire.Client(w.net, w.net.c[0], site)) for _ in range(20)]
    bodies = [c.handshake() for c in silent]
    opened = [b for b in bodies if b["status"] == 0]
    tap.ok(len(opened) == 16 and all(b["status"] == 2 for b in bodies[16:]),
           "sessions before login are held to a pool of their own", len(opened))
    limit = 15
    wait_for(lambda: site.ctl("dp", "status")["tables"]["sessions_unconfirmed"] == 0, limit, "they end by themselves")
    tap.ok(silent[-1].handshake()["status"] == 0, "they end by themselves, and others come in again")


def forget_sessions(site):
    """What an operator does to change the size of the tables."""
    run(*site.inside(site.programs["chasqui-dataplane"], "-c", site.conf, "detach"))


def alone(w):
    """A dataplane on new tables, and no control process yet."""
    tap, site = w.tap, w.site
    site.dataplane.start()
    site.wait_dataplane()
    c = w.keep(wire.Client(w.net, w.net.c[0], site))
    first = wire.Handshake(c.static, c.print).first()
    c.send(first)
    wait_for(lambda: site.stats().get("drop-hello-cookie") == 1, 10, "the HELLO is counted")
    tap.ok(c.receive(0.2) is None, "without a certificate a HELLO is counted as such and not answered")
    site.control.start()
    site.wait_ready()
    tap.ok(c.handshake()["status"] == 0, "as soon as control is there, it is")
    site.control.kill()
    answer = c.ask(wire.Handshake(c.static, c.print).first(), wire.RETRY_T)
    tap.ok(len(answer) == wire.RETRY_LEN, "with control dead a HELLO gets its RETRY: that needs nobody")
    before = site.stats()
    c.send(c.sent_hello)
    c.send(c.hop(wire.pb(1, b"")))
    wait_for(lambda: site.stats().get("drop-control-down", 0) == before.get("drop-control-down", 0) + 2, 10,
             "what only control could answer is counted")
    tap.ok(c.receive(0.2) is None, "… and what only control could answer is counted and not answered")
    assert site.dataplane.stop() == 0, "it ends when told"
    forget_sessions(site)


def main(w):
    w.net = w.keep(harness.Net(2))
    w.site = w.keep(harness.Site(w.programs, w.net, w.driver, dataplane__sessions=256))
    disk = w.keep(Disk(w.site))
    w.site.start()
    static = {name: wire.person(w.site, name) for name in ("alice", "bob")}
    w.site.ctl("user", "add", "carol", secret="a good password\n")
    w.site.befriend("alice", "bob")
    alice, bob = (w.keep(wire.Client(w.net, w.net.c[i], w.site, static[n])).log_in() for i,
                  n in enumerate(("alice", "bob")))
    disk_full(w, alice, bob, disk)
    map_full(w, alice, bob)
    assert w.site.control.stop() == 0 and w.site.dataplane.stop() == 0, "they end when told"
    forget_sessions(w.site)
    w.site.change(dataplane__sessions=SESSIONS, dataplane__accounts=256)
    alone(w)
    w.site.start()
    unconfirmed_full(w)
    assert w.site.dataplane.stop() == 0 and w.site.control.stop() == 0, "they end when told"
    forget_sessions(w.site)
    w.site.start()
    sessions_full(w)
    w.tap.ok(w.site.dataplane.alive() and w.site.control.alive(), "both daemons have lived through it")


harness.scenario(main)
