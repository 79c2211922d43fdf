"""
What the server has acknowledged, as a plain model, and the changes that operators make at random.

A fact is something that can be asked for, as "who is alice" or "are alice and bob friends", seen from every side on which
the server keeps it. Each change is about one fact. While its answer is out, the fact may be as before or as after; once
it was acknowledged it must be as after. Anything else is a loss, or a change done by half.
"""
import random

PAGE = {"limit": "1000"}
USERS, DEPARTMENTS, RULES = 12, 4, 4  # of one operator, of each kind


class Refused(Exception):
    """The server said no to a change that is right."""


def data(answer):
    """What was answered; None for what is not there."""
    if answer["ok"]:
        return answer["data"]
    if answer["error"]["code"] in ("ENOENT", "ENOUSER"):
        return None
    raise Refused(f"{answer['error']}")


def read_user(ctl, login):
    user = data(ctl.ask("user", "show", login))
    listed = {a["login"] for a in data(ctl.ask("user", "friends", login, **PAGE))} if user else None
    return (user["name"], user["disabled"], user["title"]) if user and listed is not None else None


def read_department(ctl, path):
    return data(ctl.ask("dept", "show", path)) is not None


def read_member(ctl, path, login):
    """As the department has it, and as the account has it."""
    members = data(ctl.ask("dept", "members", path, **PAGE)) or []
    user = data(ctl.ask("user", "show", login)) or {"departments": []}
    there = [m["manager"] for m in members if m["login"] == login]
    here = [d["manager"] for d in user["departments"] if d["path"] == path]
    return tuple(there), tuple(here)


def read_friends(ctl, a, b):
    def of(one, other):
        return [f["relation"] for f in data(ctl.ask("user", "friends", one, **PAGE)) or [] if f["login"] == other]

    return tuple(of(a, b)), tuple(of(b, a))


def read_rule(ctl, note):
    return tuple((r["effect"], r["rights"]) for r in ctl.all("policy", "list") if r["note"] == note)


READERS = {"user": read_user, "department": read_department, "member": read_member, "friends": read_friends, "rule": read_rule}


class Operator:
    """One who changes things of his own, one after the other. @tag is in all their names."""

    def __init__(self, tag, seed):
        self.tag, self.rng = tag, random.Random(seed)
        self.known = {}  # fact -> its value, as acknowledged
        self.open = {}  # fact -> (before, after): the answer never came
        self.acked = 0
        self.rules = {}  # note -> number

    def _user(self):
        return f"{self.tag}-u{self.rng.randrange(USERS)}"

    def _department(self):
        return f"{self.tag}-d{self.rng.randrange(DEPARTMENTS)}"

    def value(self, *fact):
        return self.known.get(fact)

    # Each gives a fact, its value afterwards, and the request; or nothing, if it would not be right just now.

    def change_user(self):
        login = self._user()
        now = self.value("user", login)
        if now is None:
            key = f"{self.rng.getrandbits(256):064x}"
            return ("user", login), (login, False, ""), ("user", "add", login), {"device-key": key}
        name, disabled, title = now
        act = self.rng.randrange(3)
        if act == 0:
            verb = "enable" if disabled else "disable"
            return ("user", login), (name, not disabled, title), ("user", verb, login), {}
        word = f"{self.tag} {self.rng.randrange(1 << 30)}"
        if act == 1:
            return ("user", login), (word, disabled, title), ("user", "set", login), {"name": word}
        return ("user", login), (name, disabled, word), ("user", "set", login), {"title": word}

    def change_department(self):
        path = self._department()
        if not self.value("department", path):
            return ("department", path), True, ("dept", "add", path), {}
        return None

    def change_member(self):
        path, login = self._department(), self._user()
        if not self.value("department", path) or self.value("user", login) is None:
            return None
        fact = ("member", path, login)
        there = self.known.get(fact, ((), ()))[0]
        if not there:
            return fact, ((False,), (False,)), ("dept", "join", path, login), {}
        if self.rng.randrange(2):
            verb = "unset" if there[0] else "set"
            return fact, ((not there[0],), (not there[0],)), ("dept", "manager", verb, path, login), {}
        return fact, ((), ()), ("dept", "leave", path, login), {}

    def change_friends(self):
        a, b = sorted(self.rng.sample(range(USERS), 2))
        a, b = f"{self.tag}-u{a}", f"{self.tag}-u{b}"
        if any(self.value("user", u) is None or self.value("user", u)[1] for u in (a, b)):
            return None
        fact = ("friends", a, b)
        now = self.known.get(fact, ((), ()))
        if now == ((), ()):
            return fact, (("asked",), ("asks",)), ("friend", "request", a, b), {}
        if now == (("asked",), ("asks",)):
            return fact, (("friend",), ("friend",)), ("friend", "confirm", b, a), {}
        return fact, ((), ()), ("friend", "remove", a, b), {}

    def change_rule(self):
        note = f"{self.tag} rule {self.rng.randrange(RULES)}"
        path = f"{self.tag}-d0"
        if not self.value("department", path):
            return None
        if not self.known.get(("rule", note)):
            rights = self.rng.choice(["see", "see,message", "see,presence,message"])
            return (("rule", note), (("allow", rights),), ("policy", "add"),
                    {"subjects": f"members({path})", "objects": f"members({path})", "rights": rights, "note": note})  # fmt: skip
        if note not in self.rules:
            return None
        return ("rule", note), (), ("policy", "remove", str(self.rules[note])), {}

    def next_change(self):
        kinds = [self.change_user] * 4 + [self.change_member] * 4 + [self.change_friends] * 3 + [self.change_department, self.change_rule]
        while True:
            change = self.rng.choice(kinds)()
            if change and change[0] not in self.open:
                return change

    def work(self, ctl):
        """One change. Raises what the connection raises, with the fact left open."""
        fact, after, request, opts = self.next_change()
        self.open[fact] = (self.known.get(fact, EMPTY[fact[0]]), after)
        answer = ctl.ask(*request, **opts)
        if not answer["ok"]:
            raise Refused(f"{request}: {answer['error']}")
        self.known[fact] = self.open.pop(fact)[1]
        self.acked += 1
        if request[:2] == ("policy", "add"):
            self.rules[fact[1]] = answer["data"]["rule"]

    def settle(self, ctl, faults):
        """After a restart: each open fact is as before or as after, and is known again."""
        for fact, (before, after) in list(self.open.items()):
            found = READERS[fact[0]](ctl, *fact[1:])
            if found not in (before, after):
                faults.append(("half", fact, found, (before, after)))
            self.known[fact] = found
            if fact[0] == "rule" and found:
                self.rules[fact[1]] = next(r["rule"] for r in ctl.all("policy", "list") if r["note"] == fact[1])
            del self.open[fact]

    def judge(self, ctl, faults, share=1.0):
        """Facts that were acknowledged, all of them or a share drawn at random."""
        for fact, value in self.known.items():
            if share < 1 and self.rng.random() > share:
                continue
            found = READERS[fact[0]](ctl, *fact[1:])
            if found != value:
                faults.append(("lost", fact, found, value))


# How it is before anything was done.
EMPTY = {"user": None, "department": False, "member": ((), ()), "friends": ((), ()), "rule": ()}
