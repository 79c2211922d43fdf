#!/usr/bin/env python3
"""
chat.py DRIVER PROGRAM…: people log in, see who is there, talk, go, are refused and cut off.

    ns c1 (alice, IPv4) ──┐
    ns c2 (bob, IPv6) ────┤
    ns c3 (carol, IPv4) ──┼── ns lan: bridge ──── ns srv: relay0, chasqui-dataplane and chasqui-control
    ns c4 (dave) ─────────┤
    ns c5 (strangers) ────┘
"""
import re
import time

import harness
from harness import SERVER4, SERVER6, wait_for
from people import Person

SILENCE_S = 6
FAILURES = 5  # that an account may have in a minute; 20 an address
NOISE = 0.3


def counters(w, *names):
    c = w.site.counters()
    return tuple(c[n] for n in names)


def logs_in(w, a, b):
    code, answer = a.enter()
    w.tap.ok(code == 0 and answer["ok"] and answer["login"] == "alice" and answer["account"] and answer["device"],
             "a login by password says who one is", answer)  # fmt: skip
    before = counters(w, "login_password", "login_key")
    code, answer = a.run("whoami")
    w.tap.ok(code == 0 and counters(w, "login_password", "login_key") == (before[0], before[1] + 1),
             "the enrolled device then logs in by its key, without a password", answer)  # fmt: skip
    code, answer = b.enter()
    w.tap.ok(code == 0 and answer["ok"], "the same over IPv6", answer)
    found = harness.run("find", f"{a.dir}/keys", "-type", "f", "-perm", "/077").split()
    w.tap.ok(not found, "nobody else may read the files of the device", found)


def talks(w, a, b, c):
    w.tap.ok(c.presence("alice") == "offline", "before, a contact is shown offline")
    a.chat("bob")
    w.tap.ok(c.presence("alice") == "online", "an online contact is shown online")
    w.tap.ok(c.presence("bob") is None, "who is no contact is not shown")
    b.chat("alice")
    with w.tap.fact("a contact that comes is told within a second"):
        wait_for(lambda: "online" in a.notes(), 1, "alice sees bob come")
    for n in range(1, 6):
        a.say(f"question {n}")
        b.say(f"answer {n}")
    with w.tap.fact("messages between IPv4 and IPv6 arrive both ways, each with its receipt"):
        wait_for(lambda: len(a.delivered()) == 5 and len(b.delivered()) == 5, 10, "receipts")
        assert a.shown("bob") == [f"answer {n}" for n in range(1, 6)], a.lines
        assert b.shown("alice") == [f"question {n}" for n in range(1, 6)], b.lines
    text = "ñandú 走る — «quipu»"
    a.say(text)
    with w.tap.fact("text in any script arrives as it was written"):
        wait_for(lambda: b.shown("alice")[-1] == text, 5, "the text is shown")
    code, answer = c.run("send", "alice", "from carol")
    w.tap.ok(code == 0 and answer["state"] == "delivered" and a.shown("carol") == ["from carol"],
             "a single message is sent by command", answer)  # fmt: skip
    code, answer = c.run("send", "bob", "who are you?")
    w.tap.ok(code == 4 and answer["error"]["code"] == "ENOUSER", "who is no contact cannot be written to", answer)


def goes(w, a, b, c):
    """Contacts see it when somebody goes, politely or not."""
    w.tap.ok(b.leave() == 0, "a chat ends with its input")
    with w.tap.fact("after logout a contact is offline within a second"):
        wait_for(lambda: "gone offline" in a.notes(), 1, "alice sees bob go")
    a.say("are you there?")
    came, gone = a.notes().count("online"), a.notes().count("gone offline")
    b.chat("alice")
    with w.tap.fact("who comes back is shown online again, once"):
        wait_for(lambda: a.notes().count("online") > came, 5, "alice sees bob come back")
        assert a.notes().count("online") == came + 1, a.notes()
    with w.tap.fact("what was written to him meanwhile has waited, and has its receipt"):
        wait_for(lambda: "are you there?" in b.shown("alice") and "are you there?" in a.delivered(), 10, "it is shown")
        assert not a.failed(), a.failed()
    b.kill()
    start = time.monotonic()
    with w.tap.fact(f"a client that was killed is offline after {SILENCE_S} s of silence"):
        wait_for(lambda: a.notes().count("gone offline") > gone, SILENCE_S * 3, "alice sees bob missing")
        assert time.monotonic() - start > SILENCE_S / 2, "too early"
    w.tap.ok(w.site.sessions("bob") == [], "its session is over")
    w.tap.ok(c.presence("alice") == "online", "who is only silent stays online, by signs of life")


def refusal(p, password):
    """A login that fails: seconds, exit code and what is said."""
    start = time.monotonic()
    code, answer = p.enter(password=password)
    return time.monotonic() - start, code, answer


def refuses(w):
    """Whether a name exists cannot be learned."""
    times, said = {True: [], False: []}, []
    for n in range(3):
        for known, unknown in (("alice", "alicia"), ("bob", "bobby"), ("carol", "carola")):
            for name in (known, unknown) if n % 2 else (unknown, known):
                p = Person(w.site, w.net.c[4], name, "", SERVER4, device=f"stranger-{name}-{n}")
                seconds, *answer = refusal(p, "not the password")
                times[name == known].append(seconds)
                said.append(answer)
    w.tap.ok(said[0][0] != 0 and said[0][1]["error"]["code"] == "EAUTH", "a wrong password is refused", said[0])
    w.tap.ok(all(s == said[0] for s in said), "an unknown name is refused in the same words", said)
    # A busy machine adds to both: a difference is one that shows in the best times and in nearly every pair.
    a, b = min(times[True]), min(times[False])
    slower = sum(k > u for k, u in zip(times[True], times[False]))
    w.tap.ok(abs(a - b) < NOISE * max(a, b) or 1 < slower < 8, "and in the same time",
             f"{a * 1000:.1f} and {b * 1000:.1f} ms, {slower} of 9 slower")  # fmt: skip


def limits(w, d):
    d.enter()
    guess = Person(w.site, w.net.c[4], "dave", d.password, SERVER6, device="stranger")
    for n in range(FAILURES):
        _, code, answer = refusal(guess, f"guess {n}")
        assert answer["error"]["code"] == "EAUTH", answer
    _, code, answer = refusal(guess, d.password)
    w.tap.ok(code != 0 and answer["error"]["code"] == "ELIMIT", f"after {FAILURES} failures even the right password must wait", answer)
    seconds = re.search(r"(\d+) seconds", answer["error"]["message"])
    w.tap.ok(seconds and 1 <= int(seconds[1]) <= 60, "it says how long", answer)
    code, answer = d.run("whoami")
    w.tap.ok(code == 0, "the enrolled device logs in meanwhile", answer)


def cut_off(w, a, c):
    """An operator ends a session, or an account."""
    c.chat("alice")
    before = w.site.sessions("carol")[0]
    w.site.ctl("session", "kick", before["slot"])
    with w.tap.fact("a session that is kicked is closed; its client comes back by itself"):
        wait_for(lambda: "connection lost, trying again" in c.notes(), 5, "carol sees it")
        wait_for(lambda: w.site.sessions("carol"), 10, "carol is back")
        now = w.site.sessions("carol")[0]
        assert (now["slot"], now["generation"]) != (before["slot"], before["generation"]), now
    c.say("still here")
    with w.tap.fact("the chat goes on"):
        wait_for(lambda: "still here" in a.shown("carol") and "still here" in c.delivered(), 10, "receipt")
    w.site.ctl("user", "disable", "carol")
    w.tap.ok(w.site.sessions("carol") == [], "a disabled account has no session from that moment on")
    c.say("let me in")
    time.sleep(1)
    w.tap.ok("let me in" not in a.shown("carol"), "and nothing that it sends arrives")
    c.kill()
    code, answer = c.run("--timeout", 5, "whoami")
    w.tap.ok(code != 0 and not answer["ok"], "its device cannot log in", answer)
    code, answer = c.enter("--timeout", 5)
    w.tap.ok(code == 6 and answer["error"]["code"] == "EDISABLED", "nor can its password", answer)
    w.site.ctl("user", "enable", "carol")
    code, answer = c.run("whoami")
    w.tap.ok(code == 0, "enabled again, it can", answer)


def main(w):
    w.build(5, sessions__silence=f"{SILENCE_S}s", sessions__keepalive="1s")
    a, b, c, d = (w.keep(Person.make(w.site, w.net.c[i], name, host)) for i, (name, host) in enumerate(
        (("alice", SERVER4), ("bob", SERVER6), ("carol", SERVER4), ("dave", SERVER6))))  # fmt: skip
    w.site.befriend("alice", "bob")
    w.site.befriend("alice", "carol")
    logs_in(w, a, b)
    c.enter()
    talks(w, a, b, c)
    goes(w, a, b, c)
    refuses(w)
    limits(w, d)
    cut_off(w, a, c)
    w.tap.ok(a.leave() == 0, "a chat whose lines have all arrived ends well")
    w.tap.ok(w.site.control.stop() == 0 and w.site.dataplane.stop() == 0, "both daemons end when told")


harness.scenario(main)
