"""
Control is killed (-9) at moments drawn at random while operators change accounts, departments, friendships and rules;
then it starts again, and what it acknowledged must be there, nothing done by half, the store and the chain of the audit
log sound. The dataplane, the database and the operators' socket are the real ones (failover/site.py draws the site).
"""
import pathlib
import random
import sys
import threading
import time

from failover.site import Failed, Net, Site

from crash.model import Operator, Refused

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "netns"))
from ctlsock import Closed, CtlSocket  # noqa: E402 - tests/ is no package

OPERATORS = 4
LIFE_S = 0.25  # of a control, at most, once it is ready
SHARE = 0.02  # of what is known, looked at after each restart; all of it at the end
SHOWN = 5


class Plan:
    def __init__(self, kills, seed, worker):
        self.kills, self.seed, self.worker = kills, seed, worker


def connect(site):
    return CtlSocket(f"{site.dir}/run/control.sock", 30)


def toil(site, operator, failed):
    """Changes until the server is gone."""
    try:
        with connect(site) as ctl:
            while True:
                operator.work(ctl)
    except (Closed, ConnectionError, FileNotFoundError, TimeoutError):
        pass
    except (Refused, KeyError, StopIteration) as why:
        failed.append(f"{type(why).__name__}: {why}")


def one_life(site, operators, rng):
    """All operators work; control is killed in the middle, and starts again."""
    failed = []
    threads = [threading.Thread(target=toil, args=(site, o, failed), daemon=True) for o in operators]
    for t in threads:
        t.start()
    time.sleep(rng.uniform(0, LIFE_S))
    site.control.kill()
    for t in threads:
        t.join(40)
    if failed:
        raise Failed(f"a change that is right was refused: {failed[0]}")
    site.control_up()


def sound(ctl, faults):
    for noun, key in (("store", "sound"), ("audit", "whole")):
        answer = ctl.ask(noun, "verify")
        if not (answer["ok"] and answer["data"][key]):
            faults.append((noun, answer))


def bench(plan, programs, tell):
    rng = random.Random(plan.seed)
    operators = [Operator(f"o{i}", plan.seed * 100 + i) for i in range(OPERATORS)]
    faults, begin = [], time.monotonic()
    net = Net()
    try:
        site = Site(programs, net, "socket", 2, [plan.worker])
        try:
            for kill in range(plan.kills):
                one_life(site, operators, rng)
                with connect(site) as ctl:
                    for o in operators:
                        o.settle(ctl, faults)
                        o.judge(ctl, faults, 1.0 if kill == plan.kills - 1 else SHARE)
                    sound(ctl, faults)
                if kill % 50 == 49:
                    tell(f"{kill + 1} of {plan.kills} kills, {sum(o.acked for o in operators)} changes acknowledged, {len(faults)} faults, "
                         f"{time.monotonic() - begin:.0f} s")  # fmt: skip
        finally:
            site.close()
    finally:
        net.close()
    for fault in faults[:SHOWN]:
        tell(f"fault: {fault}")
    return {"kills": plan.kills, "seed": plan.seed, "acked": sum(o.acked for o in operators), "facts": sum(len(o.known) for o in operators),
            "lost": sum(f[0] == "lost" for f in faults), "half": sum(f[0] == "half" for f in faults),
            "unsound": sum(f[0] in ("store", "audit") for f in faults), "seconds": round(time.monotonic() - begin, 1)}  # fmt: skip
