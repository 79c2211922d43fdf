#!/usr/bin/env python3
"""
company.py DRIVER PROGRAM…: a company comes in as a file, whole or not at all, also when control is killed meanwhile; people
are renamed, cut off and removed while they are on. The network is that of harness.py, with two clients.
"""
import json
import os
import subprocess
import sys
import time

import harness
from harness import wait_for
from people import Person

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SMALL, LARGE = 2000, 40000


def company(w, name, accounts, prefix):
    """A file of the generator, its people under names of their own."""
    path = f"{w.site.dir}/{name}"
    text = subprocess.run([sys.executable, f"{ROOT}/bench/people/company.py", "--accounts", str(accounts), "--departments",
                           "40", "--rules", "10", "--friends", "300"], check=True, capture_output=True, text=True).stdout  # fmt: skip
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace("Company", f"Company_{prefix}").replace("\nu", f"\n{prefix}").replace(",u", f",{prefix}"))
    return path


def command(w, *args):
    return [w.programs["chasquictl"], "-c", w.site.conf, *args]


def ctl(w, *args):
    p = subprocess.run(command(w, *args), capture_output=True, text=True, timeout=120, check=False)
    return p.returncode, p.stdout, p.stderr


def absent(w, login):
    return ctl(w, "user", "show", login)[0] == 4


def comes_in(w):
    path = company(w, "small.csv", SMALL, "s")
    code, out, err = ctl(w, "-o", "json", "user", "import", "--dry-run", path)
    w.tap.ok(code == 0 and json.loads(out)["data"]["accounts"] == SMALL, "a dry run counts the rows", (code, out, err))
    w.tap.ok(absent(w, "s1"), "and brings nothing in")
    with open(path, "a", encoding="utf-8") as f:
        f.write("s1,s1,friends\n")
    code, out, err = ctl(w, "user", "import", path)
    w.tap.ok(code == 1 and "own friend" in out and "1 bad rows" in err, "one bad row is named with its line", (out, err))
    w.tap.ok(absent(w, "s1"), "and keeps all others out")
    path = company(w, "small.csv", SMALL, "s")
    with open(path, encoding="utf-8") as f:
        p = subprocess.run(command(w, "-o", "json", "user", "import", "-"), stdin=f, capture_output=True, text=True,
                           timeout=120, check=False)  # fmt: skip
    w.tap.ok(p.returncode == 0, "the file comes in from standard input", p.stdout + p.stderr)
    w.tap.ok(w.site.ctl("user", "show", "s1999")["departments"] != [], "its people are in their departments")
    code, out, err = ctl(w, "policy", "explain", "s1", "s2")
    w.tap.ok(code == 0, "the rules speak of them", (out, err))


def cut_off(w):
    path = company(w, "large.csv", LARGE, "l")
    p = subprocess.Popen(command(w, "user", "import", path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def writing():
        tasks = [t for t in w.site.ctl("store", "progress") if t["task"] == "import"]
        return p.poll() is not None or any(t["done"] > 0.55 * t["total"] for t in tasks)

    wait_for(writing, 60, "the import has begun to write")
    busy = p.poll() is None
    w.site.control.kill()
    p.communicate(timeout=60)
    w.tap.ok(busy and p.returncode == 7, "control is killed amid a large import: it may still happen, says the exit code",
             (busy, p.returncode))  # fmt: skip
    w.site.control.start()
    w.site.wait_ready()
    w.tap.ok(absent(w, "l1") and ctl(w, "dept", "show", "Company_l")[0] == 4, "after the restart nothing of it is there")
    found = ctl(w, "store", "verify")
    w.tap.ok(found[0] == 0, "and the store is sound", found)
    w.tap.ok(w.site.ctl("user", "show", "s7")["login"] == "s7", "what was there before is there")
    code, out, err = ctl(w, "user", "import", path)
    w.tap.ok(code == 0 and not absent(w, f"l{LARGE - 1}"), "the same file comes in afterwards", (out, err))


def gives_back(w):
    code, out, err = ctl(w, "user", "export")
    w.tap.ok(code == 0 and out.count("\n") > SMALL + LARGE, "export gives all of them", err)
    w.tap.ok("$argon2" not in out, "without hashes of passwords")


def people_on(w):
    alice = w.keep(Person.make(w.site, w.net.c[0], "alice", harness.SERVER4))
    bob = w.keep(Person.make(w.site, w.net.c[1], "bob", harness.SERVER4))
    w.site.befriend("alice", "bob")
    for person in (alice, bob):
        code, answer = person.enter()
        assert code == 0, answer
    alice.chat("bob")
    bob.chat("alice")
    number = w.site.ctl("user", "show", "bob")["account"]
    w.site.ctl("user", "set", "bob", "--login", "robert", "--title", "Head")
    shown = w.site.ctl("user", "show", "robert")
    w.tap.ok(shown["account"] == number and shown["title"] == "Head" and shown["sessions"] == 1,
             "who is renamed keeps number and session", shown)  # fmt: skip
    alice.say("still there?")
    wait_for(lambda: "still there?" in alice.delivered(), 30, "a message arrives after the renaming")
    w.tap.ok(True, "and gets what friends write")
    begun = time.monotonic()
    closed = w.site.ctl("user", "disable", "robert")["sessions_closed"]
    took = time.monotonic() - begun
    w.tap.ok(closed == 1 and w.site.sessions("robert") == [] and took < 1, "who is disabled is cut off within a second",
             (closed, took))  # fmt: skip
    w.site.ctl("user", "remove", "robert")
    w.tap.ok(absent(w, "robert"), "who is removed is not there any more")
    p = subprocess.run(command(w, "user", "add", "robert"), input="another secret\n", capture_output=True, text=True,
                       timeout=60, check=False)  # fmt: skip
    w.tap.ok(p.returncode == 5, "and the name stays taken", p.stderr)


def main(w):
    w.build(2)
    comes_in(w)
    cut_off(w)
    gives_back(w)
    people_on(w)


harness.scenario(main)
