#!/usr/bin/env python3
"""
groups.py DRIVER PROGRAM…: a department talks in its group: in one order, with who comes, goes, is away, may not; and
while control is killed.

    ns c1 (u1, u5, u9, oscar)  ──┐
    ns c2 (u2, u6, u10, IPv6)  ──┼── ns lan: bridge ── ns srv: chasqui-dataplane and chasqui-control
    ns c3 (u3, u7, u11)        ──┤
    ns c4 (u4, u8, u12, IPv6)  ──┘

u1 to u12 are in the department Sales, u1 manages it; oscar is in none.
"""
import harness
from harness import SERVER4, SERVER6, wait_for
from people import Person

MEMBERS = 12
SENDERS = 4
EACH = 6
GROUP = "#Sales"


class Member(Person):
    def heard(self):
        """What the others have said in the group, in the order in which it was shown."""
        return [line[len(GROUP) + 1 :] for line in list(self.lines) if line.startswith(f"{GROUP} ")]


def without(lines, who):
    return [line for line in lines if not line.startswith(f"{who.login}: ")]


def agree(w, people, judge, count, what):
    """Everybody has heard @count lines, each once, in the order of @judge, who has said nothing."""
    with w.tap.fact(what):
        wait_for(lambda: len(judge.heard()) >= count, 30, f"{judge.login} hears {count}, has {len(judge.heard())}")
        order = judge.heard()
        assert len(order) == len(set(order)) == count, order
        for p in people:
            want = without(order, p)
            wait_for(lambda p=p, want=want: len(p.heard()) >= len(want), 30, f"{p.login} hears all: {p.heard()}")
            assert p.heard() == want, (p.login, p.heard(), want)
    return order


def talks(w, m):
    for n in range(EACH):
        for s in m[:SENDERS]:
            s.say(f"line {n}")
    with w.tap.fact("who speaks is told that it is said"):
        for s in m[:SENDERS]:
            wait_for(lambda s=s: len(s.delivered()) == EACH, 20, f"marks of {s.login}: {s.lines}")
    agree(w, m, m[4], SENDERS * EACH, f"{SENDERS} who speak at once are heard in the same order by {MEMBERS}")


def outsider(w, oscar):
    code, answer = oscar.run("groups")
    w.tap.ok(code == 0 and answer["groups"] == [], "an outsider is in no group", answer)
    code, answer = oscar.run("send", GROUP, "let me in")
    w.tap.ok(code == 4 and not answer["ok"], "and cannot write to one", answer)


def label(w, m):
    code, answer = m[1].run("groups")
    g = answer["groups"][0]
    w.tap.ok(code == 0 and g["readable_by_server"] and g["name"] == "Sales" and g["members"] == MEMBERS
             and g["post"] and not g["announce"], "a group is shown with its label and one's rights", answer)


def joins(w, m, oscar, said):
    w.site.ctl("dept", "join", "Sales", "oscar")
    oscar.chat(GROUP)
    m[0].say("welcome")
    with w.tap.fact("who joins hears what is said from then on"):
        wait_for(lambda: oscar.heard(), 10, "oscar hears something")
        assert oscar.heard() == ["u1: welcome"], oscar.heard()
    agree(w, m, m[4], said + 1, "and the others hear it too")
    return said + 1


def leaves(w, m, oscar, said):
    epoch = w.site.ctl("group", "show", "Sales")["epoch"]
    w.site.ctl("dept", "leave", "Sales", "oscar")
    m[0].say("he is gone")
    agree(w, m, m[4], said + 1, "after somebody left the others go on")
    w.tap.ok(oscar.heard() == ["u1: welcome"], "who left hears nothing more", oscar.heard())
    w.tap.ok(w.site.ctl("group", "show", "Sales")["epoch"] == epoch + 1, "and the key is another one")
    oscar.say("still here?")
    with w.tap.fact("nor can he speak"):
        wait_for(lambda: any(f.startswith("still here?") for f in oscar.failed()) or
                 any("denied" in n for n in oscar.notes()), 10, f"refusal: {oscar.lines}")  # fmt: skip
    oscar.leave()
    return said + 1


def absent(w, m, said):
    away = m[10]
    w.tap.ok(away.leave() == 0, "a member goes")
    for n in range(40):
        m[0].say(f"while you were out {n}")
    judge = m[4]
    wait_for(lambda: len(judge.heard()) == said + 40, 20, "the others hear it")
    w.tap.ok(len(away.heard()) == said, "who is away hears nothing", away.heard()[said:])
    away.chat(GROUP)
    agree(w, m, judge, said + 40, "and gets all when he is back, in order, each once")
    return said + 40


def rights(w, m, said):
    code, answer = m[5].run("announce", GROUP, "me") if m[5].leave() is not None else (0, {})
    w.tap.ok(code == 6 and answer["error"]["code"] == "EDENIED", "a member may not announce", answer)
    m[0].leave()
    code, answer = m[0].run("announce", GROUP, "a party")
    w.tap.ok(code == 0 and answer["state"] == "delivered", "who manages may", answer)
    with w.tap.fact("it is shown as an announcement"):
        wait_for(lambda: m[4].heard()[-1:] == ["u1 announces: a party"], 10, m[4].heard()[-2:])
    w.site.ctl("group", "set", "Sales", "--member-rights=none")
    code, answer = m[5].run("send", GROUP, "may I?")
    w.tap.ok(code == 6, "nor may a member speak where members may not", answer)
    code, answer = m[0].run("send", GROUP, "quiet please")
    w.tap.ok(code == 0, "who manages still may", answer)
    w.site.ctl("group", "set", "Sales", "--member-rights=post")
    code, answer = m[5].run("send", GROUP, "thanks")
    w.tap.ok(code == 0, "and a member again, when he may", answer)
    m[0].chat(GROUP)
    m[5].chat(GROUP)
    with w.tap.fact("what was said meanwhile is heard"):
        for p in m:
            last = "u1: quiet please" if p is m[5] else "u6: thanks"
            wait_for(lambda p=p, last=last: p.heard()[-1:] == [last], 10, f"{p.login}: {p.heard()[-2:]}")
    return said + 3


def managed(w, m, oscar):
    """A group made by hand: u1 manages it, u2 is in it, oscar is not."""
    site, boss, member = w.site, m[0], m[1]
    site.ctl("group", "create", "Trip")
    site.ctl("group", "add", "Trip", "u1", "--rights=post,announce,manage")
    site.ctl("group", "add", "Trip", "u2")
    site.befriend("u1", "oscar")
    for p in (boss, member):
        p.leave()

    def code(p, *words):
        return p.run("group", *words)[0]

    def rights(who):
        answer = boss.run("group", "members", "#Trip")[1]
        return next(([r for r in ("post", "announce", "manage") if x[r]] for x in answer["data"] if x["login"] == who), None)

    w.tap.ok(code(member, "add", "#Trip", "u3") in (4, 6) and code(member, "remove", "#Trip", "u1") == 6
             and code(member, "rights", "#Trip", "u2", "manage") == 6 and code(member, "rename", "#Trip", "Ours") == 6,
             "who may not manage a group can neither invite, put out, give rights nor rename")  # fmt: skip
    w.tap.ok(rights("u2") == ["post"] and rights("oscar") is None, "and nothing has changed")
    w.tap.ok(code(boss, "add", "#Trip", "oscar") == 0 and rights("oscar") == ["post"], "who manages it invites")
    w.tap.ok(code(boss, "add", "#Trip", "oscar") == 5, "… nobody twice")
    w.tap.ok(code(boss, "rights", "#Trip", "oscar", "post,manage") == 0 and rights("oscar") == ["post", "manage"], "gives rights")
    w.tap.ok(code(oscar, "rename", "#Trip", "Tour") == 0 and code(boss, "members", "#Tour") == 0,
             "whoever was given them uses them")
    w.tap.ok(code(boss, "remove", "#Tour", "oscar") == 0 and code(oscar, "members", "#Tour") == 4, "puts out")
    w.tap.ok(code(member, "leave", "#Tour") == 0 and code(member, "members", "#Tour") == 4, "and everyone may leave")
    w.tap.ok(code(boss, "add", "#Sales", "oscar") == 6, "who is in a department's group is the department's matter")
    for p in (boss, member):
        p.chat(GROUP)


def killed(w, m, said):
    """Nobody may lose a line or hear one twice."""
    before = [len(p.heard()) for p in m]
    for n in range(10):
        for s in m[1:SENDERS]:
            s.say(f"after {n}")
        if n == 4:
            w.site.control.kill()
            w.site.control.start()
    with w.tap.fact("control was killed while they spoke: every line is said in the end"):
        for s in m[1:SENDERS]:
            wait_for(lambda s=s: len([d for d in s.delivered() if d.startswith("after")]) == 10, 40, s.lines[-12:])
    with w.tap.fact("and heard by all in one order, each once"):
        judge, at = m[4], before[4]
        total = 10 * (SENDERS - 1)
        wait_for(lambda: len(judge.heard()) - at >= total, 40, f"{len(judge.heard()) - at} of {total}")
        order = judge.heard()[at:]
        assert len(order) == len(set(order)) == total, order
        for p, b in zip(m, before):
            want = without(order, p)
            wait_for(lambda p=p, b=b, want=want: len(p.heard()) - b >= len(want), 40, p.login)
            assert p.heard()[b:] == want, (p.login, p.heard()[b:], want)


def main(w):
    w.build(4)
    net, site = w.net, w.site
    site.ctl("dept", "add", "Sales")
    m = []
    for n in range(1, MEMBERS + 1):
        p = w.keep(Member.make(site, net.c[(n - 1) % 4], f"u{n}", SERVER4 if n % 2 else SERVER6))
        site.ctl("dept", "join", "Sales", p.login, *(["--manager"] if n == 1 else []))
        m.append(p)
    oscar = w.keep(Member.make(site, net.c[0], "oscar", SERVER4))
    for p in m + [oscar]:
        code, answer = p.enter()
        assert code == 0, answer
    outsider(w, oscar)
    label(w, m)
    for p in m:
        p.chat(GROUP)
    talks(w, m)
    said = joins(w, m, oscar, SENDERS * EACH)
    said = leaves(w, m, oscar, said)
    said = absent(w, m, said)
    said = rights(w, m, said)
    managed(w, m, oscar)
    killed(w, m, said)
    w.tap.ok(site.dataplane.alive() and site.control.alive(), "both daemons live")


harness.scenario(main)
