#!/usr/bin/env python3
"""
xdp_failover.py DRIVER PROGRAM…: 100 clients exchange 20,000 frames/s (a quarter of it on a machine that cannot keep
that up) while the relay's processes are killed, stopped and replaced; what is lost, taken twice or numbered twice is
found out from the clients alone. Beside it, on the same interface, other programs talk all the time: before the relay
is there, during, and after it was detached.

      ns srv                                     ns load
    relay0 10.48.0.1 ─────────── veth ───────── eth0 10.48.0.2
    chasqui-dataplane, chasqui-control         chasqui-load: 100 clients
    answers to ping, TCP, UDP                  pings, typed lines, questions

bench/failover/ does it (bench/run failover). With the driver socket, where a killed process forwards nothing, the same
measurement must see the loss.
"""
import os
import pathlib
import signal
import sys
import traceback

import xdp_beside
from harness import Tap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))
from failover import phases, site as sites  # noqa: E402

UPGRADES = 20
SLOW_RATE = 5000


def measured(tap, site, name, plan):
    """One measurement; at a lower rate where the machine has not kept up the full one."""
    r = phases.measure(site, name, plan, tap.note)
    if r.why and plan.rate > SLOW_RATE:
        tap.note(f"{name}: not judged at {plan.rate} frames/s ({r.why}); now {SLOW_RATE}")
        plan.rate = SLOW_RATE
        r = phases.measure(site, name, plan, tap.note)
    return r


def lost(r):
    return f"{r.lost} of {r.sent} lost; by the moment passed last, how many and how many ms behind it: {r.lost_at()}"


def judged(tap, r, what):
    """Facts that hold whatever happens to the relay's processes."""
    tap.note(f"{r.name}: {r.line()}")
    if not tap.ok(not r.why, f"{what}: the load was kept up, so that this can be judged", r.why):
        return False
    tap.ok(r.replayed > 0 and r.duplicated == 0, f"{what}: replayed frames are refused, in the gap and after it", r.line())
    tap.ok(r.seq_repeated == 0 and r.seq_backwards == 0,
           f"{what}: no sequence number comes twice, none goes back", r.line())  # fmt: skip
    tap.ok(r.bad == 0, f"{what}: every frame that comes has a right tag and is for whom it comes to", r.line())
    return True


def process_dies(tap, r, what, driver):
    """The program goes on where the dataplane does not."""
    if not judged(tap, r, what):
        return
    if driver == "xdp":
        tap.ok(r.lost == 0, f"{what}: no frame is lost", lost(r))
    else:
        tap.ok(r.lost <= r.most() and r.lost_before == 0,
               f"{what}: at most what came within a heartbeat's 50 ms is lost", lost(r))  # fmt: skip
        tap.ok(r.lost_after == 0, f"{what}: of what is sent later nothing is lost, nor when it is back", lost(r))


def nothing_lost(tap, r, what):
    if judged(tap, r, what):
        tap.ok(r.lost == 0, f"{what}: no frame is lost", lost(r))


def loss_is_seen(tap, site, plan):
    r = measured(tap, site, "kill", plan)
    judged(tap, r, "dataplane killed")
    gap = plan.gap_s * plan.rate
    tap.ok(r.lost_after > gap * 0.8 and r.gap_us > plan.gap_s * 800_000,
           "where nothing stands in for a killed process, this measurement sees what is lost", lost(r))  # fmt: skip


def failover(tap, site, plan, driver, beside):
    tap.ok(not beside.going("with the relay"), "ping, TCP and UDP beside the relay go on when it is attached")
    process_dies(tap, measured(tap, site, "kill", plan), "dataplane killed", driver)
    process_dies(tap, measured(tap, site, "stop", plan), "dataplane stopped", driver)
    nothing_lost(tap, measured(tap, site, "control", plan), "control killed")
    nothing_lost(tap, measured(tap, site, "upgrade", plan), f"program replaced {plan.upgrades} times")
    site.dataplane.stop()
    done = site.detach()
    tap.ok(done.returncode == 0, "it can be detached", done.stderr)
    tap.ok(not beside.going("after detach"), "ping, TCP and UDP go on when it is detached")
    for what, asked, missing, fault in beside.end():
        tap.ok(asked > 100 and not missing and not fault,
               f"{what} were all answered: before, during and after, over kills and restarts",
               f"{missing} of {asked} not answered; {fault}")  # fmt: skip
    tap.note(f"TCP segments that were sent again: {beside.typing.sent_again()}")


def main(tap, driver, programs):
    generator, worker = phases.cpus()
    plan = phases.Plan(upgrades=UPGRADES, cpu=generator)
    net = site = None
    try:
        net = sites.Net()
        if driver != "socket":
            beside = xdp_beside.Beside(lambda *a: net.socket(net.load, *a), lambda *a: net.socket(net.srv, *a), sites.SERVER4)
            assert not beside.going("before"), "the cable does not work"
        site = sites.Site(programs, net, driver, plan.clients, [worker])
        if driver == "socket":
            loss_is_seen(tap, site, plan)
        else:
            failover(tap, site, plan, driver, beside)
    except Exception:
        tap.ok(False, "the scenario comes to its end", traceback.format_exc())
    finally:
        if site and tap.bad:
            tap.note(site.dataplane.tail())
            tap.note(site.control.tail())
        for made in (site, net):
            if made:
                made.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(0)
    facts = Tap()
    main(facts, sys.argv[1], {os.path.basename(p): pathlib.Path(p).absolute() for p in sys.argv[2:]})
    print(f"1..{facts.count}")
    sys.exit(1 if facts.bad else 0)
