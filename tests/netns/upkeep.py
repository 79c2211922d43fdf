#!/usr/bin/env python3
"""
upkeep.py DRIVER PROGRAM…: what operators do to keep a site: who changed what, copies of the database, figures, a screen that
shows what goes on, the configuration anew. The network is that of harness.py, with one client.
"""
import fcntl
import json
import os
import pty
import pwd
import re
import signal
import socket
import struct
import subprocess
import termios
import threading

import harness
from ctlsock import CtlSocket

OK, FAILED, USAGE, UNREACHED, NOT_FOUND, CONFLICT, DENIED, TIMED_OUT, PARTIAL = range(9)
NOBODY = pwd.getpwnam("nobody").pw_uid


class Operator:
    def __init__(self, w):
        self.w = w
        self.command = [w.programs["chasquictl"], "-c", w.site.conf]
        folders = {os.path.dirname(w.programs[p]) for p in ("chasqui-dataplane", "chasqui-control")}
        self.env = {**os.environ, "PATH": ":".join([*folders, os.environ["PATH"]])}

    def run(self, *args, stdin="", **who):
        p = subprocess.run([*self.command, *(str(a) for a in args)], input=stdin, capture_output=True, text=True,
                           timeout=60, check=False, env=self.env, **who)  # fmt: skip
        return p.returncode, p.stdout, p.stderr

    def code(self, expected, fact, *args, **more):
        got = self.run(*args, **more)
        self.w.tap.ok(got[0] == expected, fact, got)
        return got


def exit_codes(w, op):
    """Every code of the table in chasquictl(1)."""
    lines = f"{w.site.dir}/policy.txt"
    with open(lines, "w", encoding="utf-8") as f:
        f.write("alice bob message allow\n")
    mute = f"{w.site.dir}/mute.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(mute)
    server.listen()
    for expected, words in ((OK, ["user", "list"]), (FAILED, ["conf", "check", lines]), (USAGE, ["user", "add"]),
                            (UNREACHED, ["-s", f"{w.site.dir}/none.sock", "user", "list"]),
                            (NOT_FOUND, ["user", "show", "nobody"]), (CONFLICT, ["dept", "add", "Company"]),
                            (DENIED, ["-s", f"{w.site.dir}/run/read.sock", "user", "disable", "bob"]),
                            (TIMED_OUT, ["-s", mute, "--timeout", 1, "user", "list"]),
                            (PARTIAL, ["policy", "test", lines])):  # fmt: skip
        op.code(expected, f"exit code {expected}: {' '.join(str(x) for x in words[-2:])}", *words)
    server.close()


def audit(w, op):
    tap = w.tap
    op.run("user", "disable", "bob", user=NOBODY, group=0, extra_groups=[])
    rows = w.site.ctl("audit", "tail", "--user", "bob", "--limit", 1)
    tap.ok(len(rows) == 1 and rows[0]["uid"] == NOBODY and rows[0]["verb"] == "user disable" and rows[0]["target"] == "bob",
           "the record of a change tells the uid of who made it", rows)  # fmt: skip
    out = op.code(OK, "all records are exported as JSON lines", "audit", "export")[1]
    records = [json.loads(line) for line in out.splitlines()]
    tap.ok([r["record"] for r in records] == list(range(1, len(records) + 1)), "each of them once", len(records))
    tap.ok("password-of-bob" not in out, "and no password")
    op.code(OK, "the chain is whole", "audit", "verify")
    head = re.findall(r"event=audit .*head=(\d+:[0-9a-f]{64})", w.site.control.log())[-1]
    op.code(OK, "and goes through the newest head in the log", "audit", "verify", "--head", head)
    wrong = head[:-1] + ("0" if head[-1] != "0" else "1")
    op.code(FAILED, "not through another one", "audit", "verify", "--head", wrong)


def together(w, op):
    """Two operators rename the same department all the time."""
    path, rounds = f"{w.site.dir}/run/control.sock", 40
    done = {}

    def rename(me):
        n = 0
        with CtlSocket(path) as s:
            for _ in range(rounds):
                for other in ("Company", "Left", "Right"):
                    n += s.ask("dept", "rename", other, me)["ok"]
        done[me] = n

    threads = [threading.Thread(target=rename, args=(me,)) for me in ("Left", "Right")]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    rows = [r["target"].split() for r in w.site.ctl("audit", "tail", "--verb", "dept rename", "--limit", 1000)]
    name, wrong = "Company", []
    for was, now in rows:
        if was != name:
            wrong.append((name, was, now))
        name = now
    paths = [d["path"] for d in w.site.ctl("dept", "list")]
    w.tap.ok(not wrong and len(rows) == sum(done.values()) and name in paths,
             "two operators changing the same: each change built on the one recorded before", (wrong, name, paths))  # fmt: skip
    op.run("dept", "rename", name, "Company")


def copies(w, op):
    tap, site = w.tap, w.site
    stop = threading.Event()
    added = []

    def load():
        with CtlSocket(f"{site.dir}/run/control.sock") as s:
            while not stop.is_set():
                login = f"load{len(added)}"
                if s.ask("user", "add", login, **{"device-key": os.urandom(32).hex()})["ok"]:
                    added.append(login)

    thread = threading.Thread(target=load)
    thread.start()
    harness.wait_for(lambda: len(added) > 50, 20, "accounts are being added")
    before, folder = len(added), f"{site.dir}/backup"
    answer = site.ctl("store", "backup", folder)
    harness.wait_for(lambda: len(added) > before + 20, 20, "more accounts are being added")
    sound = site.ctl("store", "verify")
    stop.set()
    thread.join()
    tap.ok(sound["sound"] and sound["accounts"] >= before, "the database is checked while it is written", sound)
    tap.ok(os.path.getsize(f"{folder}/data.mdb") == answer["bytes"], "a backup is made while it is written", answer)
    op.code(CONFLICT, "not twice into the same folder", "store", "backup", folder)
    op.code(CONFLICT, "a restoration is refused while the server runs", "store", "restore", folder, "--yes")
    all_ = len(added)
    site.control.stop()
    op.code(USAGE, "a restoration wants a yes", "store", "restore", folder)
    op.code(OK, "stopped, the backup takes the database's place", "store", "restore", folder, "--yes")
    op.code(OK, "and is compacted", "store", "compact")
    kept = [d for d in os.listdir(f"{site.dir}/state") if d.startswith("store.before-")]
    tap.ok(len(kept) == 1, "the former one is kept beside it", kept)
    site.control.start()
    site.wait_ready()
    logins = {u["login"] for u in json.loads("[" + ",".join(op.run("-o", "jsonl", "user", "list")[1].splitlines()) + "]")}
    tap.ok(set(added[:before]) <= logins and added[-1] not in logins and all_ > before,
           "all that was answered before the backup is there, what came later is not", (before, all_, len(logins)))  # fmt: skip
    tap.ok(site.ctl("store", "verify")["sound"] and site.ctl("audit", "verify")["whole"], "and it is sound")
    account = site.ctl("user", "add", "later", "--device-key", os.urandom(32).hex())["account"]
    tap.ok(account > all_, "no number is given twice", account)
    with open(f"{folder}/data.mdb", "r+b") as f:
        f.seek(4096 * 3)
        f.write(b"\xff")
    site.control.stop()
    op.code(FAILED, "a backup that was damaged since is refused", "store", "restore", folder, "--yes")
    site.control.start()
    site.wait_ready()
    tap.ok(site.ctl("store", "gc", "--older", "90d")["audit_records"] == 0, "nothing young is taken away")


def figures(w, op):
    tap, site = w.tap, w.site

    def scrape():
        return subprocess.run(site.inside("curl", "-s", "-m", "5", "http://127.0.0.1:9470/metrics"), capture_output=True,
                              text=True, check=False).stdout  # fmt: skip

    text = harness.wait_for(scrape, 10, "figures are served")
    tap.ok('chasqui_dataplane_up 1' in text and 'chasqui_frames_dropped_total{reason="tag"}' in text,
           "figures of both daemons are served for Prometheus", text[:500])  # fmt: skip
    tap.ok("alice" not in text and "bob" not in text, "they name nobody")
    code, out, _ = op.run("status", "check", "--format", "nagios")
    tap.ok(code == 0 and out.startswith("CHASQUI OK - "), "status check says well, as Nagios wants it", out)
    op.code(OK, "and as JSON", "status", "check", "--format", "json")
    site.dataplane.kill()
    code, out, _ = op.run("status", "check", "--format", "nagios")
    tap.ok(code == 2 and "CRITICAL" in out, "without the dataplane it is critical", (code, out))
    site.dataplane.start()
    site.wait_ready()


def watch(w, op):
    tap = w.tap
    lines = op.code(OK, "status watch works in a pipe", "-o", "jsonl", "status", "watch", "--count", 2,
                    "--interval", 1)[1].splitlines()  # fmt: skip
    tap.ok(len(lines) == 2 and json.loads(lines[1])["received_per_second"] is not None, "and tells rates from the second on",
           lines)  # fmt: skip
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    p = subprocess.Popen([*op.command, "status", "watch", "--interval", "1"], stdin=side, stdout=side, stderr=side,
                         env=op.env, start_new_session=True)  # fmt: skip
    os.close(side)
    seen = b""

    def read():
        nonlocal seen
        while True:
            try:
                seen += os.read(main, 4096)
            except OSError:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    harness.wait_for(lambda: seen.count(b"sessions") >= 2, 10, "it is drawn again")
    tap.ok(seen.startswith(b"\x1b[?1049h"), "on a terminal it has a screen of its own", seen[:40])
    fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 30, 0, 0))
    p.send_signal(signal.SIGWINCH)
    n = len(seen)
    harness.wait_for(lambda: b"q ends" in seen[n:], 10, "it is drawn in the new size")
    frame = seen[n:].split(b"\x1b[H\x1b[J")[1].split(b"q ends")[0]
    tap.ok(frame.count(b"\n") <= 9 and max(len(x) for x in frame.splitlines()) <= 31, "a smaller window is kept to", frame)
    os.write(main, b"q")
    tap.ok(p.wait(timeout=10) == 0, "q ends it")
    reader.join(2)
    tap.ok(seen.endswith(b"\x1b[?1049l"), "and gives the screen back", seen[-40:])
    os.close(main)


def configuration(w, op):
    tap, site = w.tap, w.site
    site.change(limits__frames_per_second=123, passwords__threads=3)
    rows = {r["key"]: r["takes"] for r in site.ctl("conf", "diff")}
    tap.ok(rows == {"limits.frames_per_second": "reload", "passwords.threads": "restart"}, "conf diff tells what the file "
           "says otherwise, and what that takes", rows)  # fmt: skip
    left = [r["key"] for r in site.ctl("conf", "reload")]
    shown = {r["limit"]: r["value"] for r in site.ctl("limit", "show")}
    tap.ok(left == ["passwords.threads"] and shown["frames_per_second"] == 123, "conf reload takes over what can be",
           (left, shown))  # fmt: skip
    op.code(OK, "the log's level is set", "log", "level", "info")


def setting(w, op):
    """Values set while the server runs: tried, killed, kept, undone."""
    tap, site = w.tap, w.site

    def frames():
        return {r["limit"]: r["value"] for r in site.ctl("limit", "show")}["frames_per_second"]

    def again(stop):
        stop()
        site.control.start()
        site.wait_ready()
        return frames()

    was = frames()
    op.code(USAGE, "conf set refuses what the file could not say", "conf", "set", "limits.frames_per_second", "many")
    op.code(OK, "conf set stages a value", "conf", "set", "limits.frames_per_second", 321)
    rows = {r["key"]: r for r in site.ctl("conf", "diff")}
    tap.ok(rows["limits.frames_per_second"]["staged"] == "321" and rows["limits.frames_per_second"]["by_uid"] == 0
           and frames() == was, "another operator sees it in conf diff, with who did it, not in force", rows)  # fmt: skip
    op.code(OK, "conf commit tries it", "conf", "commit", "--confirm", "10min")
    tried = frames()
    tap.ok(tried == 321 and again(site.control.kill) == was, "killed on trial, the server starts with what was before", tried)
    op.code(OK, "once more, for a second", "conf", "set", "limits.frames_per_second", 321)
    op.code(OK, "and nobody confirms", "conf", "commit", "--confirm", "1s")
    harness.wait_for(lambda: frames() == was, 10, "it goes back by itself")
    for value in (321, 322):
        op.run("conf", "set", "limits.frames_per_second", value)
        op.run("conf", "commit", "--confirm", "10min")
        op.code(OK, f"{value} is confirmed", "conf", "commit")
    tap.ok(again(site.control.kill) == 322, "what was confirmed outlives kill -9")
    out = op.code(OK, "conf check knows of it", "conf", "check")[1]
    tap.ok("frames_per_second: 322" in out, "and says it", out)
    op.code(OK, "conf rollback undoes the last commit", "conf", "rollback")
    tap.ok(frames() == 321 and again(site.control.kill) == 321, "in force and after a restart")
    rows = site.ctl("audit", "tail", "--verb", "conf rollback", "--limit", 1)
    tap.ok(rows[0]["old"] == "limits.frames_per_second=322" and rows[0]["new"] == "limits.frames_per_second=321",
           "recorded with old and new", rows)  # fmt: skip
    own = f"{site.dir}/state/overrides.yaml"
    with open(own, "a", encoding="utf-8") as f:
        f.write("nonsense: 1\n")
    err = op.code(FAILED, "a mistake in that file is refused", "conf", "check")[2]
    tap.ok(own in err, "by its name", err)
    os.unlink(own)


def log_file(w, op):
    """The log in a file that is renamed."""
    tap, site = w.tap, w.site
    file = f"{site.dir}/state/control.log"
    site.control.stop()
    site.change(log__file=file)
    site.control.start()
    site.wait_ready()

    def events():
        with open(file, encoding="utf-8") as f:
            return f.read()

    harness.wait_for(lambda: "event=started" in events(), 5, "the log is in its file")
    os.rename(file, f"{file}.1")
    op.code(OK, "log reopen", "log", "reopen")
    tap.ok("event=log-opened" in events(), "after it was renamed it is opened anew", events())
    os.rename(file, f"{file}.2")
    os.kill(site.control.proc.pid, signal.SIGUSR1)
    harness.wait_for(lambda: os.path.exists(file) and "event=log-opened" in events(), 5, "SIGUSR1 does the same")


def many(w, op):
    """Commands of a file, and typed ones."""
    file = f"{w.site.dir}/commands"
    with open(file, "w", encoding="utf-8") as f:
        f.write("# a department and somebody in it\ndept add 'Head Office'\nuser show nobody\ndept join 'Head Office' alice\n")
    _, _, err = op.code(PARTIAL, "of a file's commands one that fails holds up no other", "-f", file)
    w.tap.ok(f"{file}:3: exit status 4" in err and [d["path"] for d in w.site.ctl("user", "show", "alice")["departments"]]
             == ["Head Office"], "it is named by its line", err)  # fmt: skip
    with open(file, "w", encoding="utf-8") as f:
        f.write("user show nobody\ndept add Never\n")
    op.code(PARTIAL, "with -e it is the last", "-e", "-f", file)
    op.code(NOT_FOUND, "those after it were not run", "dept", "show", "Never")
    out = op.code(OK, "shell takes commands from a pipe too", "shell", stdin="dept tree\n\nversion\n")[1]
    w.tap.ok("Head Office" in out and "version" in out, "and runs each", out)


def main(w):
    w.build(1)
    op = Operator(w)
    for name in ("alice", "bob"):
        op.run("user", "add", name, stdin=f"password-of-{name}\n")
    op.run("dept", "add", "Company")
    exit_codes(w, op)
    os.chmod(w.site.dir, 0o755)
    audit(w, op)
    together(w, op)
    copies(w, op)
    figures(w, op)
    watch(w, op)
    configuration(w, op)
    setting(w, op)
    many(w, op)
    log_file(w, op)


harness.scenario(main)
