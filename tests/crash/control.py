#!/usr/bin/env python3
"""
control.py KILLS BUILD: chasqui-control is killed (-9) at random moments while operators change things (bench/crash), and
a planted difference is noticed. Seeds differ from run to run; the one used is printed.
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))
from crash.model import Operator  # noqa: E402
from crash.phases import Plan, bench  # noqa: E402
from failover.phases import cpus  # noqa: E402
from failover.site import programs_of  # noqa: E402

SKIP = 77
count = bad = 0


def ok(truth, fact):
    global count, bad
    count += 1
    bad += not truth
    print(f"{'ok' if truth else 'not ok'} {count} - {fact}", flush=True)


class Forgetful:
    """A server that answers as if nothing had ever been changed."""

    def ask(self, noun, verb, *args, **opts):
        if (noun, verb) == ("user", "show"):
            return {"ok": False, "error": {"code": "ENOENT"}}
        return {"ok": True, "data": {"rule": 1}}


def a_loss_is_noticed():
    server, faults = Forgetful(), []
    operator = Operator("o", 1)
    while ("user", "o-u0") not in operator.known:
        operator.work(server)
    operator.known = {("user", "o-u0"): operator.known[("user", "o-u0")]}
    operator.judge(server, faults)
    operator.known, operator.open = {}, {("user", "o-u1"): (("a", False, ""), ("b", False, ""))}
    operator.settle(server, faults)
    ok([f[0] for f in faults] == ["lost", "half"], "an account that is gone, and one that is neither as before nor as after, are noticed")


def main(kills, build):
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for network namespaces")
        return SKIP
    a_loss_is_noticed()
    seed = int.from_bytes(os.urandom(3), "big")
    print(f"# seed {seed}")
    r = bench(Plan(int(kills), seed, cpus()[1]), programs_of(build), lambda text: print(f"# {text}", flush=True))
    print(f"# {r}")
    ok(r["kills"] == int(kills) and r["acked"] > 10 * r["kills"], "control was killed in the middle of acknowledged changes")
    ok(r["lost"] == 0, "every acknowledged change is there after each restart")
    ok(r["half"] == 0, "a change that was not acknowledged is wholly there or wholly absent, seen from each side")
    ok(r["unsound"] == 0, "the store and the chain of the audit log are sound after each restart")
    print(f"1..{count}")
    return 1 if bad else 0


sys.exit(main(*sys.argv[1:]))
