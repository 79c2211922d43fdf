#!/usr/bin/env python3
"""
devices.py DRIVER PROGRAM…: two devices of one account and a third person; kinds of devices; applications.

    ns c1 (alice's phone)  ──┐
    ns c2 (alice's laptop) ──┤
    ns c3 (bob)            ──┼── ns lan: bridge ──── ns srv: relay0, chasqui-dataplane and chasqui-control
    ns c4 (of each kind)   ──┘
"""
import time

import harness
from harness import SERVER4, SERVER6, wait_for
from people import Person

KINDS = ("android", "ios", "pc")
TEXT = "ñandú «» 走る \u0001 binary-ish"


class Device(Person):
    """A client says at each handshake what kind it is."""

    kind = "pc"

    def _command(self, *args):
        return super()._command("--kind", self.kind, *args)


def of_kind(person, kind):
    person.kind = kind
    return person


def waits(w, phone, laptop):
    code, answer = laptop.enter("--device-name", "laptop")
    w.tap.ok(code == 0 and answer.get("waiting") and len(answer["code"]) == 24, "a second device waits and shows a code", answer)
    shown = answer["code"]
    code, answer = laptop.run("send", "bob", "too early")
    w.tap.ok(code == 6 and answer["error"]["code"] == "EDENIED", "before it is approved it sends nothing", answer)
    code, answer = phone.run("devices")
    row = [d for d in answer["data"] if d["number"] == 2]
    w.tap.ok(code == 0 and row and row[0]["waiting"] and row[0]["name"] == "laptop", "the first device lists it", answer)
    code, answer = phone.run("devices", "approve", "2", "a" * 24)
    w.tap.ok(code == 6, "another code approves nothing", answer)
    code, answer = phone.run("devices", "approve", "2", shown[:12].upper(), shown[12:])
    w.tap.ok(code == 0 and answer["ok"], "the code that the device shows approves it", answer)
    code, answer = laptop.run("devices", "wait", "--timeout", 20)
    w.tap.ok(code == 0 and answer.get("waiting") is False, "the device has the account key then", answer)


def talks(w, phone, laptop, bob):
    laptop.chat("bob")
    bob.chat("alice")
    phone.chat("bob")
    wait_for(lambda: len(w.site.sessions("alice")) == 2, 15, "both devices are there")
    bob.say("to both")
    with w.tap.fact("a message reaches both devices, and is receipted"):
        wait_for(lambda: "to both" in phone.shown("bob") and "to both" in laptop.shown("bob") and "to both" in bob.delivered(), 15, "shown")
    phone.say("from the phone")
    with w.tap.fact("what one device sends is shown by the other as sent by it"):
        wait_for(lambda: "(you to) bob: from the phone" in laptop.lines and "from the phone" in phone.delivered(), 15, "own copy")
    laptop.say("from the laptop")
    with w.tap.fact("… both ways, and to the receiver once each"):
        wait_for(lambda: "(you to) bob: from the laptop" in phone.lines and bob.shown("alice").count("from the laptop") == 1, 15, "own copy")
        assert bob.shown("alice") == ["from the phone", "from the laptop"], bob.lines
    rows = w.site.sessions("alice")
    w.tap.ok(sorted((r["device"], r["kind"]) for r in rows) == [(1, "android"), (2, "pc")],
             "session list shows each device with its kind", rows)  # fmt: skip


def revoked(w, phone, laptop, bob):
    phone.leave()
    begun = time.monotonic()
    code, answer = phone.run("devices", "revoke", "2")
    w.tap.ok(code == 0 and answer["ok"], "the phone revokes the laptop", answer)
    with w.tap.fact("its session is closed"):
        wait_for(lambda: not [s for s in w.site.sessions("alice") if s["device"] == 2], 3, "no session")
    w.tap.note(f"command and all took {time.monotonic() - begun:.2f} s")
    laptop.kill()
    code, answer = laptop.run("--timeout", 5, "whoami")
    w.tap.ok(code != 0 and not answer["ok"], "it cannot log in by its key", answer)
    code, answer = laptop.enter("--timeout", 5)
    w.tap.ok(code != 0 and not answer["ok"], "nor by the password", answer)
    phone.chat("bob")
    bob.say("to one")
    with w.tap.fact("the other device goes on"):
        wait_for(lambda: "to one" in phone.shown("bob"), 15, "shown")


def kinds(w):
    """All pairs of kinds deliver what was sent."""
    people = {}
    for kind in KINDS:
        people[kind] = w.keep(Device.make(w.site, w.net.c[3], kind, SERVER4))
        of_kind(people[kind], kind).enter()
    twin = w.keep(Device.make(w.site, w.net.c[3], "twin", SERVER6))
    for a in KINDS:
        w.site.befriend(a, "twin")
        for b in KINDS:
            if a < b:
                w.site.befriend(a, b)
    twin.enter()
    for to in KINDS:
        people[to].chat("twin")
        of_kind(twin, to)
        senders = [people[k] for k in KINDS if k != to] + [twin]
        for p in senders:
            code, answer = p.run("send", to, f"{TEXT} to {to}")
            w.tap.ok(code == 0 and answer["state"] == "delivered", f"{p.kind} writes to {to}", answer)
        want = f"{TEXT} to {to}".replace("\u0001", "<U+0001>")
        w.tap.ok(all(people[to].shown(p.login) == [want] for p in senders), f"{to} is shown it byte by byte", people[to].lines)
        w.tap.ok([s["kind"] for s in w.site.sessions(to)] == [to], f"session list shows {to}", w.site.sessions(to))
        people[to].kill()


def asks(w, phone):
    code, answer = phone.run("apps")
    w.tap.ok(code == 0 and [a["name"] for a in answer["data"]][:4] == ["chat", "approval", "attendance", "announcement"],
             "the applications are listed", answer)  # fmt: skip
    w.site.ctl("app", "register", 900, "forms", "--post", "account(bob)")
    code, answer = phone.run("apps")
    row = [a for a in answer["data"] if a["app"] == 900]
    w.tap.ok(row and row[0]["name"] == "forms" and not row[0]["may_post"], "one more is known at once", answer)
    code, answer = phone.run("profile", "set", "title=Weaver", "phone=12 34")
    w.tap.ok(code == 0 and answer["title"] == "Weaver" and answer["phone"] == "12 34", "one's own profile is changed", answer)
    code, answer = phone.run("profile", "bob")
    w.tap.ok(code == 0 and answer["login"] == "bob", "a contact's is shown", answer)


def main(w):
    w.build(4)
    phone = w.keep(Device.make(w.site, w.net.c[0], "alice", SERVER4, device="phone"))
    laptop = w.keep(Device(w.site, w.net.c[1], "alice", phone.password, SERVER6, device="laptop"))
    bob = w.keep(Device.make(w.site, w.net.c[2], "bob", SERVER4))
    w.site.befriend("alice", "bob")
    of_kind(phone, "android").enter()
    bob.enter()
    asks(w, phone)
    waits(w, phone, laptop)
    talks(w, phone, laptop, bob)
    revoked(w, phone, laptop, bob)
    kinds(w)


harness.scenario(main)
