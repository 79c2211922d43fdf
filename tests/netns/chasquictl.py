#!/usr/bin/env python3
"""
chasquictl.py DRIVER PROGRAM…: operators at work, on a running site and when a daemon is dead. The network is that of
harness.py, with one client.
"""
import json
import os
import pty
import subprocess
import threading

import harness
from people import Person

OK, FAILED, USAGE, UNREACHED, NOT_FOUND, CONFLICT = range(6)
PARTIAL = 8


class Operator:
    """chasquictl as a script calls it."""

    def __init__(self, w):
        self.w = w
        self.command = [w.programs["chasquictl"], "-c", w.site.conf]
        # installed, the programs lie side by side; in a build they do not
        folder = os.path.dirname(w.programs["chasqui-dataplane"])
        self.env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    def run(self, *args, stdin=""):
        p = subprocess.run([*self.command, *(str(a) for a in args)], input=stdin, capture_output=True, text=True,
                           timeout=60, check=False, env=self.env)  # fmt: skip
        return p.returncode, p.stdout, p.stderr

    def code(self, expected, fact, *args, stdin=""):
        got = self.run(*args, stdin=stdin)
        self.w.tap.ok(got[0] == expected, fact, got)
        return got

    def data(self, *args):
        return self.w.site.ctl(*args)


def accounts(w, op):
    op.code(OK, "an account is made with a password from standard input", "user", "add", "bob", stdin="password-of-bob\n")
    op.code(CONFLICT, "a second one of its name is refused by exit code 5", "user", "add", "BOB", stdin="password-of-bob\n")
    op.code(USAGE, "a missing argument is wrong usage, exit code 2", "user", "add", stdin="password-of-bob\n")
    code, _, err = op.code(NOT_FOUND, "somebody who is not there is exit code 4", "user", "show", "nobody")
    w.tap.ok(err.startswith("error: E"), "an error begins with its code, on standard error", err)
    code, out, _ = op.run("-o", "json", "user", "show", "nobody")
    w.tap.ok(code == NOT_FOUND and json.loads(out)["error"]["code"].startswith("E"), "in JSON it is an object", out)
    op.code(OK, "a password is changed", "user", "passwd", "bob", stdin="another-password\n")
    op.code(OK, "an account is disabled", "user", "disable", "bob")
    w.tap.ok(op.data("user", "show", "bob")["disabled"] is True, "it is shown as disabled")
    op.code(OK, "an account is enabled again", "user", "enable", "bob")
    for i in range(230):
        op.data("user", "add", f"many{i}", "--device-key", os.urandom(32).hex())
    lines = op.run("-o", "jsonl", "user", "list")[1].splitlines()
    w.tap.ok(len({json.loads(line)["login"] for line in lines}) == len(lines) == 232, "a long list is read to its end",
             len(lines))  # fmt: skip


def friends(w, op):
    op.code(OK, "a friendship is asked for", "friend", "request", "alice", "bob")
    op.code(OK, "and confirmed", "friend", "confirm", "bob", "alice")
    w.tap.ok([f["login"] for f in op.data("friend", "list", "bob")] == ["alice"], "both are friends then",
             op.data("friend", "list", "bob"))  # fmt: skip
    op.code(OK, "a friendship is ended", "friend", "remove", "alice", "bob")
    w.tap.ok(op.data("user", "friends", "bob") == [], "nobody is left then")
    op.code(NOT_FOUND, "ending it twice is exit code 4", "friend", "remove", "alice", "bob")


def organisation(w, op):
    op.code(OK, "a department is made", "dept", "add", "Company")
    op.code(OK, "and one below it", "dept", "add", "Company/Sales")
    op.code(NOT_FOUND, "not below one that is not there, exit code 4", "dept", "add", "Nowhere/Sales")
    op.code(CONFLICT, "not twice, exit code 5", "dept", "add", "Company/Sales")
    op.code(OK, "somebody joins it as its manager", "dept", "join", "Company/Sales", "bob", "--manager")
    op.code(CONFLICT, "then it cannot be removed, exit code 5", "dept", "remove", "Company/Sales")
    out = op.code(OK, "departments are shown as a tree", "dept", "tree")[1]
    w.tap.ok("\n  Sales" in out and "Company/Sales" in out, "those below others stand behind spaces", out)
    w.tap.ok([d["path"] for d in op.data("user", "show", "bob")["departments"]] == ["Company/Sales"],
             "an account is shown with its departments")  # fmt: skip
    op.code(OK, "a rule is made", "policy", "add", "--subjects", "account(alice)", "--objects", "managers(*)",
            "--rights", "see,message")  # fmt: skip
    w.tap.ok([r["objects"] for r in op.data("policy", "list")] == ["managers(*)"], "it is listed as it was said",
             op.data("policy", "list"))  # fmt: skip
    out = op.code(OK, "what it means is explained", "policy", "explain", "alice", "bob")[1]
    w.tap.ok("p2p" in out and "account(alice)" in out, "each right with its rule", out)
    lines = f"{w.site.dir}/policy.txt"
    with open(lines, "w", encoding="utf-8") as f:
        f.write("alice bob see allow  # she may\nbob alice see deny\nalice bob p2p deny\n")
    op.code(OK, "lines of a file that hold are exit code 0", "policy", "test", lines)
    with open(lines, "a", encoding="utf-8") as f:
        f.write("alice bob p2p allow\n")
    _, out, err = op.code(PARTIAL, "one that does not hold is exit code 8", "policy", "test", lines)
    w.tap.ok("1 of 4 lines do not hold: 4" in err and "p2p" in out, "and is printed", (out, err))


def sessions(w, op, alice):
    alice.enter()
    listener = subprocess.Popen(alice._command("listen"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        harness.wait_for(lambda: w.site.status_of("alice") == "online", 30, "alice is online")
        rows = op.data("session", "list", "--user", "alice")
        w.tap.ok(len(rows) >= 1 and all(r["account"] == 1 for r in rows), "sessions are listed by user", rows)
        slot = rows[-1]["slot"]
        w.tap.ok(op.data("session", "show", slot)["slot"] == slot, "a session is shown")
        op.code(OK, "a session is closed", "session", "kick", slot)
    finally:
        listener.terminate()
        listener.wait()
    op.code(NOT_FOUND, "a slot without session is exit code 4", "session", "show", 1000)


def configuration(w, op):
    w.tap.ok("paths:" in op.code(OK, "conf show prints what is in effect", "conf", "show")[1], "as a file would say it")
    op.code(OK, "conf check takes the configuration", "conf", "check", w.site.conf)
    bad = f"{w.site.dir}/bad.yaml"
    with open(bad, "w", encoding="utf-8") as f:
        f.write("limits:\n  burts: 1s\n")
    code, _, err = op.run("conf", "check", bad)
    w.tap.ok(code == FAILED and f"{bad}:2:3:" in err and "burst" in err, "a mistake is named with line and column", err)
    code, _, err = op.run("-c", bad, "status")
    w.tap.ok(code == FAILED and "ECONF" in err, "a wrong configuration keeps chasquictl from guessing a socket", err)


def dataplane(w, op):
    total = op.data("dp", "stats", "--all")["total"]
    w.tap.ok(total["rx"] > 0 and "drop-tag" in total, "dp stats counts, those that are 0 too if wanted", total)
    w.tap.ok(op.data("dp", "ports") != [], "dp ports lists ports")
    w.tap.ok(op.data("dp", "status")["driver"] == w.driver, "dp status names the driver")
    op.code(USAGE, "dp detach wants a yes", "dp", "detach")
    code, _, err = op.run("dp", "detach", "-y")
    w.tap.ok(code == CONFLICT and "EBUSY" in err and "stop it first" in err, "it is refused while the dataplane runs", err)


def terminal(w, op):
    """On a terminal a password is asked for twice, and not shown."""
    main, side = pty.openpty()
    p = subprocess.Popen([*op.command, "-q", "user", "passwd", "bob"], stdin=side, stdout=side, stderr=side)
    os.close(side)
    seen = b""

    def read():
        nonlocal seen
        while True:
            try:
                seen += os.read(main, 1000)
            except OSError:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for prompt in (b"New password: ", b"The same again: "):
        harness.wait_for(lambda p=prompt: p in seen, 10, "it asks")
        os.write(main, b"typed-secret\n")
    code = p.wait(timeout=30)
    w.tap.ok(code == OK, "on a terminal a password is asked for twice", seen)
    reader.join(2)
    os.close(main)
    w.tap.ok(b"typed-secret" not in seen, "and is not echoed", seen)


def deaths(w, op):
    w.site.control.kill()
    op.code(UNREACHED, "with control dead, its verbs are exit code 3", "user", "list")
    op.code(OK, "dp stats goes on working", "dp", "stats")
    op.code(OK, "dp status too", "dp", "status")
    w.site.dataplane.kill()
    op.code(UNREACHED, "with the dataplane dead, dp stats is exit code 3", "dp", "stats")
    answer = op.code(OK, "dp status then says what is pinned", "-o", "json", "dp", "status")[1]
    w.tap.ok(json.loads(answer)["data"]["running"] is False, "and that nothing runs", answer)
    op.code(OK, "dp detach then forgets it", "dp", "detach", "-y")
    answer = op.run("-o", "json", "dp", "status")[1]
    w.tap.ok(json.loads(answer)["data"]["pins"] == [], "nothing is pinned any more", answer)


def main(w):
    w.build(1)
    op = Operator(w)
    alice = w.keep(Person.make(w.site, w.net.c[0], "alice", harness.SERVER4))
    accounts(w, op)
    friends(w, op)
    organisation(w, op)
    sessions(w, op, alice)
    configuration(w, op)
    terminal(w, op)
    dataplane(w, op)
    deaths(w, op)


harness.scenario(main)
