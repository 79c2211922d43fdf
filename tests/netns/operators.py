#!/usr/bin/env python3
"""
operators.py DRIVER PROGRAM…: what operators' commands do to people who are on; wrong configurations, wrong files, second
daemons, tables of another size.

    ns c1 alice, ns c2 bob ───  ns lan: bridge  ─── ns srv: the site
"""
import contextlib
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import time

import harness
import wire
from harness import wait_for

OK, FAILED, USAGE, UNREACHED, NOT_FOUND, CONFLICT, DENIED, TIMED_OUT, PARTIAL = range(9)
SESSIONS_DOWN = 512
INSTANCE = f"t{os.getpid()}"
NOBODY = pwd.getpwnam("nobody").pw_uid


class Operator:
    def __init__(self, w):
        self.w = w

    def run(self, *args, stdin="", user=None):
        """chasquictl's exit code, and what it has said."""
        command = [self.w.programs["chasquictl"], "-c", self.w.site.conf, *(str(a) for a in args)]
        folder = os.path.dirname(self.w.programs["chasqui-dataplane"])
        who = dict(user=user, group=user, extra_groups=[]) if user else {}
        p = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, **who,
                           env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
        return p.returncode, p.stdout, p.stderr

    def fact(self, fact, code, *args, says="", stdin="", user=None):
        got = self.run(*args, stdin=stdin, user=user)
        self.w.tap.ok(got[0] == code and says in got[1] + got[2], fact, (code, got))
        return got


# --- what commands do to people ---


def log_in_by(w, ns, login, password):
    c = w.keep(wire.Client(w.net, ns, w.site))
    body = c.handshake()
    assert body["status"] == 0, body
    return c.log_in_by(login, password)[0], c


def accounts(w, op):
    tap, ns = w.tap, w.net.c[1]
    op.run("user", "add", "carol", stdin="first password\n")
    code, carol = log_in_by(w, ns, "carol", b"first password")
    tap.ok(code == 0, "who was added can log in at once")
    op.fact("a password is changed", OK, "user", "passwd", "carol", stdin="second password\n")
    carol.ping()
    tap.ok(log_in_by(w, ns, "carol", b"first password")[0] == wire.E_AUTH, "the old password is refused then")
    tap.ok(log_in_by(w, ns, "carol", b"second password")[0] == 0, "… and the new one taken")
    op.fact("a password on the command line is refused", USAGE, "user", "passwd", "carol", "--password", "x" * 12,
            says="standard input")
    op.fact("a password that is too short is refused", USAGE, "user", "passwd", "carol", stdin="short\n",
            says="too short")
    op.fact("no password is refused", USAGE, "user", "passwd", "carol", says="no password")
    op.fact("names that are spelt alike are one name", CONFLICT, "user", "add", "ＣAROL", stdin="first password\n")
    for name in ("", " ", "a b", "x" * 300, "a\x07b", "\u202eabc"):
        code, _, err = op.run("user", "add", name, stdin="first password\n")
        tap.ok(code in (FAILED, USAGE) and "ENAME" in err, f"the name {name[:10]!a} is refused", (code, err))
    code, out, _ = op.run("-o", "json", "user", "add", "dan", "--name", "x" * 200, stdin="first password\n")
    tap.ok(code == FAILED and json.loads(out)["error"]["field"] == "name", "a display name that is too long is refused", out)
    forms = {f: op.run("-o", f, "user", "list")[1] for f in ("table", "json", "jsonl", "tsv")}
    rows = [json.loads(line) for line in forms["jsonl"].splitlines()]
    tap.ok(rows == json.loads(forms["json"])["data"] and [r["login"] for r in rows] == ["alice", "bob", "carol"],
           "json and jsonl say the same")
    columns = [line.split("\t") for line in forms["tsv"].splitlines()]
    named = [dict(zip((c.lower() for c in columns[0]), line)) for line in columns[1:]]
    tap.ok([n["login"] for n in named] == ["alice", "bob", "carol"] and len(forms["table"].splitlines()) == 4,
           "tsv and table have a line for each, and a heading", forms)


def disabling(w, op, alice, bob):
    tap, site = w.tap, w.site
    grant = bob.contacts()["alice"]["grant"]
    bob.collect(0.2)
    bob.pushes.clear()
    op.fact("an account is disabled", OK, "user", "disable", "alice")
    alice.collect(5, lambda: alice.notices)
    tap.ok([n["app"] for n in alice.notices] == [wire.N_CLOSED], "her session is closed, and she is told so",
           alice.notices)
    bob.collect(5, bob.presences)
    tap.ok(bob.presences() == [(alice.account, wire.OFFLINE)], "her friends are told that she is offline",
           bob.presences())
    bob.notices.clear()
    bob.send(bob.to(alice.account, grant, b"x" * 40))
    bob.collect(5, lambda: bob.notices)
    tap.ok([n["app"] for n in bob.notices] == [wire.N_UNKNOWN], "who writes to her is told as if she were unknown",
           bob.notices)
    body = alice.handshake()
    tap.ok(body["status"] == 1 and body["slot"] == wire.NO_SLOT, "a new handshake of her device is refused as disabled",
           body)
    op.fact("an account is enabled again", OK, "user", "enable", "alice")
    alice.log_in()
    tap.ok(not wire.reach(bob, alice, grant, seconds=1), "she logs in again; grants of before are void")
    tap.ok(wire.reach(bob, alice, bob.contacts()["alice"]["grant"]), "and gets frames by new ones")
    bob.collect(5, lambda: (alice.account, wire.ONLINE) in bob.presences())
    tap.ok(bob.presences()[-1] == (alice.account, wire.ONLINE), "her friends are told")


def kicking(w, op, alice):
    tap, site = w.tap, w.site
    open_ = [s for s in site.sessions("alice") if s["state"] == "open"]
    tap.ok(len(open_) == 1 and open_[0]["slot"] == alice.slot and open_[0]["address"] == "{}:{}".format(*alice.where()),
           "session list tells slot and address", open_)
    alice.notices.clear()
    op.fact("a session is closed", OK, "session", "kick", alice.slot)
    alice.collect(5, lambda: alice.notices)
    tap.ok([n["app"] for n in alice.notices] == [wire.N_CLOSED], "its client is told so")
    op.fact("closing it twice is exit code 4", NOT_FOUND, "session", "kick", alice.slot)
    op.fact("a slot that is no number is exit code 2", USAGE, "session", "kick", "x")
    alice.log_in()
    with tap.fact("its client may come again"):
        wait_for(lambda: site.status_of("alice") == "online", 10, "alice is online")


def codes(w, op):
    """Those that the other scenarios do not see."""
    tap, site = w.tap, w.site
    run = f"{site.dir}/run"
    op.fact("somebody who is not in the group is exit code 6", DENIED, "-s", f"{run}/control.sock", "user", "list",
            user=NOBODY)
    op.fact("a change on the read-only socket is exit code 6", DENIED, "-s", f"{run}/dataplane-{INSTANCE}-status.sock",
            "user", "disable", "bob")
    op.fact("… and on the read-only twin of the operators' socket", DENIED, "-s", f"{run}/read.sock", "user", "disable",
            "bob")
    op.fact("looking works there", OK, "-s", f"{run}/read.sock", "user", "list", says="bob")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as mute:
        mute.bind(f"{run}/mute.sock")
        mute.listen()
        op.fact("a daemon that does not answer is exit code 7", TIMED_OUT, "-s", f"{run}/mute.sock", "--timeout", 1,
                "user", "list")
        op.fact("a change then may still happen, and that is said", TIMED_OUT, "-s", f"{run}/mute.sock", "--timeout", 1,
                "user", "disable", "bob", says="may still happen")
    for words, meant in ((["usr", "list"], "user"), (["user", "lst"], "list"), (["user", "desable", "bob"], "disable"),
                         (["dp", "stat"], "stats")):
        op.fact(f"{' '.join(words)}: did you mean {meant}?", USAGE, *words, says=f"did you mean {meant}")
    op.fact("an unknown option is exit code 2", USAGE, "user", "list", "--colour")
    op.fact("an output form that there is not is exit code 2", USAGE, "-o", "xml", "user", "list")
    site.dataplane.kill()
    tap.ok(op.run("user", "disable", "bob")[0] == PARTIAL,
           "disabling while the dataplane is away is exit code 8: done in part")
    slot = site.ctl("session", "list")[0]["slot"]
    op.fact("closing a session while the dataplane is away is exit code 3", UNREACHED, "session", "kick", slot)
    op.fact("enabling needs no dataplane", OK, "user", "enable", "bob")
    site.dataplane.start()
    site.wait_ready()


# --- configuration ---

WRONG = (
    ("an unknown key", "limits:\n  burts: 1s\n", "2:3", "burst"),
    ("an unknown section", "limts:\n  burst: 1s\n", "1:1", "limits"),
    ("a key of another section", "server:\n  burst: 1s\n", "2:3", ""),
    ("a key twice", "limits:\n  burst: 1s\n  burst: 2s\n", "3:3", ""),
    ("a section twice", "limits:\n  burst: 1s\nlimits:\n  burst: 2s\n", "3:1", ""),
    ("a time without its unit", "sessions:\n  silence: 90\n", "2:12", ""),
    ("a time with an unknown unit", "sessions:\n  silence: 90parsec\n", "2:12", ""),
    ("a size with a unit of another sort", "store:\n  map_size: 64MB\n", "2:13", ""),
    ("a size in seconds", "store:\n  map_size: 64s\n", "2:13", ""),
    ("a number with a unit", "dataplane:\n  sessions: 4s\n", "2:13", ""),
    ("an octal number", "server:\n  id: 010\n", "2:7", ""),
    ("a negative number", "server:\n  id: -1\n", "2:7", ""),
    ("a fraction", "dataplane:\n  workers: 1.5\n", "2:12", ""),
    ("a word for a number", "server:\n  id: one\n", "2:7", ""),
    ("a number out of range", "dataplane:\n  workers: 65\n", "2:12", ""),
    ("a number too large for any", "server:\n  id: 99999999999999999999\n", "2:7", ""),
    ("a truth value of old YAML", "p2p:\n  share_addresses: yes\n", "2:20", ""),
    ("a word that is none of those", "log:\n  level: loud\n", "2:10", ""),
    ("a list for a text", "server:\n  name: [a]\n", "2:9", ""),
    ("a text for a list", "listen: here\n", "1:9", ""),
    ("a mapping for a list", "listen: {a: b}\n", "1:9", ""),
    ("a text for a section", "limits: fast\n", "1:9", ""),
    ("an address that is none", 'listen: ["[::]:4700", "nowhere"]\n', "1:23", ""),
    ("a path that is not absolute", "paths:\n  store: here\n", "2:10", ""),
    ("a rate without its time", "limits:\n  login_failures_per_account: 5\n", "2:31", ""),
    ("an anchor", "server:\n  id: &a 1\n", "2:7", ""),
    ("an alias", "server:\n  id: &a 1\n  name: *a\n", "2:7", ""),
    ("a tag", "server:\n  id: !!int 1\n", "2:7", ""),
    ("a second document", "server:\n  id: 1\n---\nserver:\n  id: 2\n", "4:1", ""),
    ("a tabulator", "server:\n\tid: 1\n", "2:1", ""),
    ("a bracket left open", "listen: [a\n", "", ""),
    ("bytes that are no UTF-8", b"server:\n  name: \xff\xfe\n", "", ""),
    ("settings that contradict each other", "sessions:\n  silence: 30s\n  keepalive: 25s\n", "3:3", "half"),
    ("a driver without its interfaces", "dataplane:\n  driver: af_xdp\n", "2:3", "interfaces"),
)


def configurations(w, op):
    tap, site = w.tap, w.site
    path = f"{site.dir}/wrong.yaml"
    for what, text, where, says in WRONG:
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        code, out, err = op.run("conf", "check", path)
        ok = code == FAILED and not out and err.startswith("error: ECONF") and f"{path}:{where}" in err and says in err
        tap.ok(ok, f"configuration: {what} is refused" + (f" at {where}" if where else ""), (code, err))
    for name in ("chasqui-dataplane", "chasqui-control"):
        p = subprocess.run([w.programs[name], "-c", path, "run"], capture_output=True, text=True, timeout=20,
                           check=False)
        tap.ok(p.returncode == FAILED and f"{path}:2:3" in p.stderr,
               f"{name} does not start with it, and says where it is wrong", p.stderr)
    with open(path, "w", encoding="utf-8") as f:
        f.write("server:\n  id: 7\n")
    code, out, _ = op.run("conf", "check", path)
    with open(path, "w", encoding="utf-8") as f:
        f.write(out)
    tap.ok(code == OK and "id: 7" in out and op.run("conf", "check", path)[1] == out,
           "what conf check prints is a configuration that says the same")


# --- files and second daemons ---


def refused_start(w, name, conf=None):
    """A daemon that does not start: what it says."""
    command = w.site.inside(w.programs[name], "-c", conf or w.site.conf, "run")
    p = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return p.returncode, p.stdout + p.stderr


def second_daemons(w, alice, bob):
    tap, site = w.tap, w.site
    code, text = refused_start(w, "chasqui-control")
    tap.ok(code == FAILED and "in use by another process" in text and str(site.control.proc.pid) in text,
           "a second chasqui-control on the same database is refused: it names the first", text)
    code, text = refused_start(w, "chasqui-dataplane")
    tap.ok(code == FAILED and "another chasqui-dataplane runs" in text and str(site.dataplane.proc.pid) in text,
           "a second chasqui-dataplane of the same instance is refused: it names the first", text)
    with open(site.conf, encoding="utf-8") as f:
        text = harness.setting(f.read(), "dataplane.instance", "other")
    other = f"{site.dir}/other.yaml"
    with open(other, "w", encoding="utf-8") as f:
        f.write(text)
    code, text = refused_start(w, "chasqui-dataplane", other)
    if w.driver == "socket":
        tap.ok(code == FAILED and "another program has this UDP port" in text,
               "… another instance on the same port too", text)
    else:
        tap.ok(code == FAILED and "driver-refused" in text, "… another instance on the same interface too", text)
    subprocess.run(site.inside(w.programs["chasqui-dataplane"], "-c", other, "detach"), check=False,
                   capture_output=True)
    got = wire.reach(alice, bob, alice.contacts()["bob"]["grant"])
    tap.ok(got and w.site.ctl("status", "show")["well"], "the first ones are untouched")


def key_files(w):
    tap, site = w.tap, w.site
    keys = f"{site.dir}/state/keys"
    tap.ok(stat.S_IMODE(os.stat(keys).st_mode) == 0o700
           and all(stat.S_IMODE(os.stat(f"{keys}/{k}.key").st_mode) == 0o600 for k in ("org", "server", "grants")),
           "init makes keys that nobody else may read")
    tap.ok(site.control.stop() == 0, "chasqui-control ends when told")
    for name in ("server.key", "grants.key"):
        for mode in (0o640, 0o604, 0o620):
            os.chmod(f"{keys}/{name}", mode)
            code, text = refused_start(w, "chasqui-control")
            tap.ok(code == FAILED and name in text and "chmod 600" in text,
                   f"{name} with mode {mode:o} is refused: it says what to do", text)
        os.chmod(f"{keys}/{name}", 0o600)
    spare = f"{site.dir}/spare.key"
    for what, change in (("absent", lambda p: os.unlink(p)), ("too short", lambda p: os.truncate(p, 31)),
                         ("a link", lambda p: (os.unlink(p), os.symlink(spare, p)))):
        path = f"{keys}/server.key"
        shutil.copy2(path, spare)
        change(path)
        code, text = refused_start(w, "chasqui-control")
        tap.ok(code == FAILED and "server.key" in text, f"a server.key that is {what} is refused by name", text)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        shutil.copy2(spare, path)
    with open(f"{keys}/server.cert", "r+b") as f:
        f.seek(40)
        byte = f.read(1)
        f.seek(40)
        f.write(bytes([byte[0] ^ 1]))
    code, text = refused_start(w, "chasqui-control")
    tap.ok(code == FAILED and "server.cert" in text, "a certificate that was changed is refused by name", text)
    with open(f"{keys}/server.cert", "r+b") as f:
        f.seek(40)
        f.write(byte)
    site.control.start()
    site.wait_ready()
    tap.ok(True, "with everything in its place it starts again")


# --- tables ---


def tables(w, op, alice, bob):
    """The size of tables that are there is changed in the configuration."""
    tap, site = w.tap, w.site
    sessions = site.ctl("dp", "status")["tables"]["sessions_max"]
    site.dataplane.stop()
    site.change(dataplane__sessions=SESSIONS_DOWN)
    code, text = refused_start(w, "chasqui-dataplane")
    tap.ok(code == FAILED and "tables-refused" in text and "ELAYOUT" in text and "detach" in text
           and str(sessions) in text and str(SESSIONS_DOWN) in text,
           "tables of another size are refused: it names both sizes and says what to do", text)
    site.change(dataplane__sessions=sessions)
    site.dataplane.start()
    site.wait_ready()
    got = wire.reach(alice, bob, alice.contacts()["bob"]["grant"])
    tap.ok(got and got["slot"] == bob.slot,
           "the refusal has changed nothing: with the former size the sessions are there")
    op.fact("detach while it runs is exit code 5, and says what to do", CONFLICT, "dp", "detach", "--yes",
            says="stop it first")
    tap.ok(site.dataplane.stop() == 0, "chasqui-dataplane ends when told")
    answer = json.loads(op.run("-o", "json", "dp", "status")[1])["data"]
    tap.ok(not answer["running"] and (answer["pins"] or answer["table_files"]),
           "dp status shows what is kept while nothing runs", answer)
    op.fact("detach forgets it", OK, "dp", "detach", "--yes")
    answer = json.loads(op.run("-o", "json", "dp", "status")[1])["data"]
    tap.ok(not answer["pins"] and not answer["table_files"] and not answer["links"], "nothing is left", answer)
    op.fact("detach of nothing is no failure", OK, "dp", "detach", "--yes")
    site.change(dataplane__sessions=SESSIONS_DOWN)
    site.dataplane.start()
    site.wait_ready()
    alice.log_in()
    bob.log_in()
    tap.ok(wire.reach(alice, bob, alice.contacts()["bob"]["grant"])
           and site.ctl("dp", "status")["tables"]["sessions_max"] == SESSIONS_DOWN,
           "then it starts with the new size, and people log in anew")


def guessing(w, op, alice):
    """Wrong passwords are limited by account and by address, and never keep a known device out."""
    tap, ns = w.tap, w.net.c[0]
    op.run("user", "add", "dora", stdin="the right one\n")

    def attempts(login, passwords, family):
        """Answers to each, with as many sessions as that takes."""
        out = []
        for n, password in enumerate(passwords):
            if n % 8 == 0:
                c = w.keep(wire.Client(w.net, ns, w.site, family=family))
                c.handshake()
            out.append(c.log_in_by(login, password))
        return out

    begun = time.monotonic()
    wrong = attempts("dora", [b"guess"] * 6, 4)
    tap.ok([a[0] for a in wrong] == [wire.E_AUTH] * 5 + [wire.E_BUSY] and 0 < wrong[-1][2] <= 60,
           "five wrong passwords for an account, then E_BUSY with a time to wait", wrong)
    right = attempts("dora", [b"the right one"], 6)[0]
    tap.ok(right[0] == wire.E_BUSY, "… then the right one too has to wait, from wherever it comes", right)
    alice.log_in()
    tap.ok(alice.account, "… but a device that is enrolled is not held up")
    many = []
    while wire.E_BUSY not in many and len(many) < 100:
        many.append(attempts(f"nobody{len(many)}", [b"guess"], 4)[0][0])
    regained = (time.monotonic() - begun) / 3  # one every three seconds
    tap.ok(many[-1] == wire.E_BUSY and many[:-1] == [wire.E_AUTH] * len(many[:-1]) and 20 <= 5 + len(many[:-1]) <= 21
           + regained, "twenty wrong ones from an address, for whomever, then E_BUSY", (many, regained))
    op.run("user", "add", "emil", stdin="the right one\n")
    tap.ok(attempts("emil", [b"the right one"], 6)[0][0] == 0, "… others from other addresses log in")


def main(w):
    w.build(2)
    op = Operator(w)
    os.chmod(w.site.dir, 0o755)  # others may come to the sockets; what holds them off is the sockets' own
    static = {name: wire.person(w.site, name) for name in ("alice", "bob")}
    w.site.befriend("alice", "bob")
    alice, bob = (w.keep(wire.Client(w.net, w.net.c[i], w.site, static[n])).log_in() for i,
                  n in enumerate(("alice", "bob")))
    accounts(w, op)
    guessing(w, op, alice)
    disabling(w, op, alice, bob)
    kicking(w, op, alice)
    configurations(w, op)
    second_daemons(w, alice, bob)
    codes(w, op)
    alice.log_in()
    bob.log_in()
    tables(w, op, alice, bob)
    key_files(w)
    w.tap.ok(w.site.dataplane.alive() and w.site.control.alive(), "both daemons have lived through it")


harness.scenario(main)
