#!/usr/bin/env python3
"""
strangers.py DRIVER PROGRAM…: what comes to the daemons' unix sockets: other users, garbage, half requests, crowds, and
who asks and does not read. People who are on notice nothing of it.

    ns c1 alice, ns c2 bob ───  ns lan: bridge  ─── ns srv: the site
"""
import contextlib
import os
import pwd
import socket
import stat
import struct
import time

import harness
import raw
import wire
from ctlsock import Closed, CtlSocket
from harness import wait_for

INSTANCE = f"t{os.getpid()}"
DEAF_S = 11  # who takes nothing of an answer for 10 s is cut off
NOBODY = pwd.getpwnam("nobody").pw_uid


def as_nobody(work):
    """Run @work as another user; what it returns, a short text."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            text = work()
        except Exception as e:
            text = type(e).__name__
        os.write(w, str(text).encode())
        os._exit(0)
    os.close(w)
    with open(r, encoding="utf-8") as f:
        text = f.read()
    os.waitpid(pid, 0)
    return text


def dataplane_socket(w, alice, bob):
    tap, site = w.tap, w.site
    path = f"{site.dir}/run/dataplane-{INSTANCE}.sock"
    hello = struct.pack("<HHIII", 1, 16, 1, 1, 9)

    def connect():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(5)
            s.connect(path)
            try:
                s.send(hello)
                return "answered" if s.recv(4096) else "closed"
            except (BrokenPipeError, ConnectionResetError):
                return "closed"

    tap.ok(stat.S_IMODE(os.stat(path).st_mode) == 0o660, "the dataplane's socket is for its group alone")
    tap.ok(as_nobody(connect) == "PermissionError", "another user cannot connect to it")
    before = site.ctl("dp", "status")["control"]
    os.chmod(path, 0o666)
    answers = [as_nobody(connect) for _ in range(5)]
    os.chmod(path, 0o660)
    after = site.ctl("dp", "status")["control"]
    tap.ok(answers == ["closed"] * 5 and after["refused"] == before["refused"] + 5,
           "… and where the mode lets him, he is refused by his uid, and counted", (answers, before, after))
    tap.ok(after["connected"] and after["pid"] == before["pid"] == site.control.proc.pid,
           "… and chasqui-control stays connected")
    tap.ok(wire.reach(alice, bob, alice.contacts()["bob"]["grant"]), "… and serves on")


class Deaf:
    """Asks and asks, and reads no answer."""

    def __init__(self, path):
        self.sock = CtlSocket(path).sock
        self.sock.setblocking(False)
        request = b'{"noun":"status","verb":"show"}\n' * 100
        with contextlib.suppress(BlockingIOError):
            for _ in range(1000):
                self.sock.send(request)
        self.since = time.monotonic()

    def cut_off(self):
        """Is the connection at its end, behind what was sent before?"""
        time.sleep(max(0, self.since + DEAF_S - time.monotonic()))
        self.sock.settimeout(2)
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self):
        self.sock.close()


# Wrong requests, each a line: refused by a code, whatever it is.
WRONG = (b"", b"{}", b"[]", b"null", b'"x"', b"\x00\xff\xfe", b'{"noun":', b'{"noun":"user"}', b'{"noun":1,"verb":2}',
         b"GET / HTTP/1.1\r", b'{"noun":"user","verb":"list","args":"x"}', b'{"noun":"user","verb":"show","args":[1]}',
         b'{"noun":"user","verb":"show","args":[]}', b'{"noun":"user","verb":"list","opts":{"limit":"0"}}',
         b'{"noun":"user","verb":"list","opts":{"limit":"x","nope":"y"}}', b'{"noun":"user","verb":"list","noun":"dp"}',
         b'{"noun":"user","verb":"show","args":["a\\u0000b"]}',
         b'{"noun":"user","verb":"show","args":' + b"[" * 10000 + b"]" * 10000 + b"}",
         b'{"id":{},"noun":"user","verb":"list"}', b'{"noun":"dp","verb":"stats"}', b'{"noun":"init","args":["x"]}')
STATUS = b'{"id":5,"noun":"status","verb":"show"}'


def requests(w, path):
    """Wrong ones, and many right ones."""
    tap, refusals = w.tap, set()
    for line in WRONG:
        with CtlSocket(path) as s:
            s.send(line + b"\n")
            answer = s.line()
            assert not answer["ok"], (line, answer)
            refusals.add(answer["error"]["code"])
            s.send(STATUS + b"\n")
            assert s.line()["id"] == 5, line
    tap.ok(refusals == {"EMALFORMED", "ENOCMD", "EARGS"},
           "every wrong request is refused by a code, and the connection goes on", refusals)
    with CtlSocket(path) as s:
        with contextlib.suppress(Closed):
            s.send(b"x" * 100_000)
        tap.ok(s.line()["error"]["code"] == "ETOOBIG" and ended(s),
               "a line without end is refused, and the connection closed")
    with CtlSocket(path) as s:
        s.send((STATUS + b"\n") * 50)
        tap.ok([s.line()["ok"] for _ in range(50)] == [True] * 50, "requests in a row are answered in a row")
        s.send(STATUS)
        s.sock.shutdown(socket.SHUT_WR)
        tap.ok(ended(s), "half a request at the end is not carried out")


def ended(s):
    """Does the connection end without another answer?"""
    try:
        s.line()
        return False
    except Closed:
        return True


def crowd(w, path):
    """1,000 connections at once. How many are told that it is busy."""
    all_, end = [], time.monotonic() + 20
    while len(all_) < 1000 and time.monotonic() < end:
        try:
            all_.append(CtlSocket(path, 2))
        except BlockingIOError:  # the kernel lets only so many wait
            time.sleep(0.001)

    def busy():
        n = 0
        for c in all_:
            c.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError, Closed):
                c.buffer += c.sock.recv(65536)
            n += b"EBUSY" in c.buffer
        return n >= 500 and n

    told = wait_for(busy, 10, "most are told that it is busy")
    w.tap.ok(len(all_) == 1000 and told, "of 1,000 connections at once most are told that it is busy", told)
    for c in all_:
        c.close()


def control_socket(w, path):
    """Garbage, halves, crowds and people who do not read, at the operators' socket."""
    tap, site = w.tap, w.site
    memory = raw.rss_bytes(site.control)
    deaf = w.keep(Deaf(path))
    half = [w.keep(CtlSocket(path)) for _ in range(10)]
    for h in half:
        h.send(b'{"noun": "user", "verb": "li')
    tap.ok(site.ctl("status", "show")["well"], "who does not read his answers, and who sends halves, holds up nobody")
    requests(w, path)
    crowd(w, path)
    wait_for(lambda: site.ctl("status", "show")["well"], 10, "it answers again")
    grown = raw.rss_bytes(site.control) - memory
    tap.ok(grown < 32 << 20, "nobody who does not read fills its memory", grown)
    return deaf


def status_socket(w, path):
    """The same at the dataplane's read-only one."""
    tap, site = w.tap, w.site
    idle = [w.keep(CtlSocket(path, 2)) for _ in range(3)]
    for line in (b"{}\n", b"\xff\n", b'{"noun":"user","verb":"list"}\n', b'{"noun":"dp","verb":"detach"}\n'):
        with CtlSocket(path) as s:
            s.send(line)
            tap.ok(not s.line()["ok"], f"the dataplane's socket refuses {line.decode('latin-1').strip()!a}")
    with CtlSocket(path) as s, contextlib.suppress(Closed):
        s.send(b"x" * 200_000)
        s.line()
    for c in idle:
        c.close()
    tap.ok(site.ctl("dp", "status")["running"], "… and answers on")


def main(w):
    w.build(2)
    site = w.site
    os.chmod(site.dir, 0o755)  # others may come to the sockets; what holds them off is the sockets' own
    static = {name: wire.person(site, name) for name in ("alice", "bob")}
    site.befriend("alice", "bob")
    alice, bob = (w.keep(wire.Client(w.net, w.net.c[i], site, static[n])).log_in() for i,
                  n in enumerate(("alice", "bob")))
    pids = site.dataplane.proc.pid, site.control.proc.pid
    deaf = control_socket(w, f"{site.dir}/run/control.sock")
    status_socket(w, f"{site.dir}/run/dataplane-{INSTANCE}-status.sock")
    dataplane_socket(w, alice, bob)
    w.tap.ok(deaf.cut_off(), "who asks and does not read is cut off")
    alive = site.dataplane.alive() and site.control.alive()
    w.tap.ok(alive and pids == (site.dataplane.proc.pid, site.control.proc.pid), "both daemons have lived through it")


harness.scenario(main)
