#!/usr/bin/env python3
"""
mail.py DRIVER PROGRAM…: who is away misses nothing, also when the daemons are killed in between.

    ns c1 (alice, IPv4) ──┐
                          ├── ns lan: bridge ──── ns srv: relay0, chasqui-dataplane and chasqui-control
    ns c2 (bob, IPv6) ────┘
"""
import harness
from harness import SERVER4, SERVER6, wait_for
from people import Person

MESSAGES = 1000
WAITS = "\u2026 "


def stored(p):
    return set(p._marked(WAITS))


def waiting(w):
    return w.site.ctl("status", "show")["mailboxes"]["messages"]


def control_dies(w):
    w.site.control.kill()
    w.site.control.start()
    w.site.wait_ready()


def away(w, a, texts):
    a.chat("bob")
    for n, text in enumerate(texts):
        a.say(text)
        if n % 40 == 39:  # a chat remembers only so many lines that have no answer
            wait_for(lambda n=n: len(stored(a)) > n - 20, 60, "they are stored")
        if n == MESSAGES // 2:
            control_dies(w)
    with w.tap.fact("control killed in the middle: in the end every message is told to be stored"):
        wait_for(lambda: stored(a) >= set(texts), 120, "all are stored")
        assert not a.failed(), a.failed()[:3]
    w.tap.ok(waiting(w) >= MESSAGES, "and they wait in the mailbox", waiting(w))


def comes(w, a, b, texts):
    b.chat("alice")
    wait_for(lambda: len(b.shown("alice")) > MESSAGES // 10, 60, "some have come")
    w.site.dataplane.kill()
    w.site.dataplane.start()
    w.site.wait_ready()
    control_dies(w)
    with w.tap.fact("both daemons killed while they come: all come, once and in order"):
        wait_for(lambda: len(b.shown("alice")) >= MESSAGES, 120, "all have come")
        assert b.shown("alice") == texts, b.shown("alice")[:5]
    with w.tap.fact("and their sender gets the receipts"):
        wait_for(lambda: a.delivered() >= set(texts[-40:]), 60, "receipts")
    with w.tap.fact("nothing is left in the mailbox"):
        wait_for(lambda: waiting(w) == 0, 60, "it is empty")
    w.tap.ok(b.shown("alice") == texts, "and nothing came twice")


def receipts_wait_too(w, a, b):
    """Alice has gone before bob comes: she is told when she is here again."""
    assert b.leave() == 0
    wait_for(lambda: w.site.status_of("bob") == "offline", 30, "bob is offline")
    a.say("read this later")
    wait_for(lambda: "read this later" in stored(a), 30, "stored")
    assert a.leave() == 0
    b.chat("alice")
    with w.tap.fact("what was stored comes though its sender has gone"):
        wait_for(lambda: b.shown("alice")[-1:] == ["read this later"], 30, "shown")
    with w.tap.fact("and the receipt waits for the sender"):
        wait_for(lambda: waiting(w) == 1, 30, "a receipt waits")
    a.chat("bob")
    with w.tap.fact("who takes it when she comes"):
        wait_for(lambda: waiting(w) == 0, 30, "it was taken")


def the_server_speaks(w, b):
    """Bob is here and reads it at once; then he is away, and reads it when he comes."""
    w.site.ctl("msg", "send", "bob", secret="the server rests at noon\n")
    with w.tap.fact("what an operator says is shown as from the server"):
        wait_for(lambda: any("server says (not sealed): the server rests at noon" in n for n in b.notes()), 10, "shown")
    assert b.leave() == 0
    w.site.ctl("msg", "send", "bob", secret="and is back at one\n")
    w.tap.ok(w.site.ctl("msg", "pending", "bob")["mailboxes"][0]["messages"] == 1, "to who is away it waits")
    b.chat("alice")
    with w.tap.fact("until he comes"):
        wait_for(lambda: any("and is back at one" in n for n in b.notes()), 10, "shown")
        wait_for(lambda: waiting(w) == 0, 10, "it was acknowledged")


def main(w):
    w.build(2)
    a = w.keep(Person.make(w.site, w.net.c[0], "alice", SERVER4))
    b = w.keep(Person.make(w.site, w.net.c[1], "bob", SERVER6))
    w.site.befriend("alice", "bob")
    assert a.enter()[0] == 0 and b.enter()[0] == 0
    b.chat("alice")
    assert b.leave() == 0
    texts = [f"message {n}" for n in range(MESSAGES)]
    away(w, a, texts)
    comes(w, a, b, texts)
    receipts_wait_too(w, a, b)
    the_server_speaks(w, b)


harness.scenario(main)
