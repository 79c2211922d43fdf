#!/usr/bin/env python3
"""
af_xdp_kill.py PROGRAM: the dataplane is killed 10 times while frames come in; the XDP program stays, and the restarted
process gets its frames, with the sessions it had.

      ns c1                         ns srv                          ns c2
    eth0 10.77.1.2  ──── veth ──── vs1 10.77.1.1
                                   vs2 10.77.2.1 ──── veth ──── eth0 10.77.2.2

Then: what is foreign is refused (another XDP program, another pin, other sizes), and nothing of it is changed.
"""
import os
import re
import subprocess
import sys
import threading
import time

import dp

ROUNDS = 10
FRAMES_PER_S = 500


class Load(threading.Thread):
    """Frames from a to b, steadily, whatever happens to the dataplane."""

    def __init__(self, a, b):
        super().__init__(daemon=True)
        self.a, self.b, self.message, self.ending = a, b, 1000, False

    def run(self):
        while not self.ending:
            self.message += 1
            self.a.send_to(self.b, self.message, b"load")
            time.sleep(1 / FRAMES_PER_S)


class Receiver(threading.Thread):
    """What b gets: counted, and each one's sequence number above all before."""

    def __init__(self, b):
        super().__init__(daemon=True)
        self.b, self.count, self.last_message, self.seq, self.faults, self.ending = b, 0, 0, 0, [], False

    def run(self):
        while not self.ending:
            got = self.b.receive(0.1)
            if not got:
                continue
            seq, message = (int.from_bytes(got[i : i + 8], "little") for i in (8, 24))
            if not self.b.opened(got) or seq <= self.seq or message <= self.last_message:
                self.faults.append((self.seq, seq, self.last_message, message))
            self.count, self.last_message, self.seq = self.count + 1, message, seq


def prog_id(srv, ifname):
    found = re.search(r"prog/xdp id (\d+)", dp.run("ip", "-n", srv, "-d", "link", "show", ifname))
    return int(found[1]) if found else 0


def worker_received(d):
    """What the first worker of the process that runs now has received; 0 while it does not answer."""
    try:
        return [p for p in d.ask("stats")["paths"] if p["path"] == "worker 0"][0]["received"]
    except OSError:
        return 0


def killed_under_load(net, d, srv, c1, c2):
    d.start()
    control = dp.Control(d)
    a = dp.Client(net, c1, "10.77.1.1").log_in(control, 1001)
    b = dp.Client(net, c2, "10.77.2.1").log_in(control, 1002)
    load, receiver = Load(a, b), Receiver(b)
    load.start()
    receiver.start()
    slowest = 0
    for i in range(ROUNDS):
        dp.wait_for(lambda was=receiver.count: receiver.count > was + 20, 20, f"frames flow before kill {i + 1}")
        d.kill()
        assert prog_id(srv, "vs1") and prog_id(srv, "vs2"), "the program went with the process"
        killed, start = load.message, time.monotonic()
        d.start()
        # a frame that was sent after the kill
        dp.wait_for(lambda k=killed: receiver.last_message > k, 30, f"frames flow after kill {i + 1}:\n{d.text()}")
        dp.wait_for(lambda: worker_received(d), 30, f"the restarted process gets frames after kill {i + 1}")
        slowest = max(slowest, time.monotonic() - start)
    load.ending = receiver.ending = True
    load.join()
    receiver.join()
    print(f"# {receiver.count} of {load.message - 1000} frames arrived; slowest restart {slowest:.2f} s")
    dp.check(True, f"killed {ROUNDS} times: the program stays, each restarted process gets its frames")
    dp.check(not receiver.faults, f"no sequence number comes twice over the kills {receiver.faults[:3]}")
    dp.check("adopted=no" not in d.text().split("event=ready", 1)[1], "sessions and program are adopted each time")
    control = dp.Control(d)
    a.ping()
    control.close()
    a.close()
    b.close()


def second_is_refused(d):
    second = d.call("run")
    dp.check(second.returncode != 0 and "another chasqui-dataplane" in second.stderr, "a second one is refused")


def foreign_is_refused(d, srv, obj):
    d.stop()
    d.call("detach")
    dp.run("ip", "-n", srv, "link", "set", "vs1", "xdp", "obj", obj, "sec", "xdp")
    before = prog_id(srv, "vs1")
    refused = d.call("run")
    dp.check(refused.returncode != 0 and "another XDP program" in refused.stderr
             and "chq_foreign" in refused.stderr, "a foreign program is refused and named")  # fmt: skip
    dp.check(prog_id(srv, "vs1") == before, "the foreign program stays where it was")
    dp.run("ip", "-n", srv, "link", "set", "vs1", "xdp", "off")
    pin = f"{d.bpffs}/{d.instance}"
    os.makedirs(pin, mode=0o700, exist_ok=True)
    dp.run("bpftool", "map", "create", f"{pin}/if-vs1-link", "type", "array", "key", 4, "value", 4, "entries", 1,
           "name", "foreign")  # fmt: skip
    refused = d.call("run")
    dp.check(refused.returncode != 0 and "not a link of ours" in refused.stderr, "a pin that is no link is refused")
    os.unlink(f"{pin}/if-vs1-link")


def foreign_object(folder):
    source, obj = f"{folder}/foreign.c", f"{folder}/foreign.o"
    with open(source, "w", encoding="utf-8") as f:
        f.write('__attribute__((section("xdp"), used)) int chq_foreign(void *c) { return 2; }\n'
                'char l[] __attribute__((section("license"), used)) = "GPL";\n')  # fmt: skip
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", obj], check=True)
    return obj


def main(program):
    net, d = dp.Net(), None
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        srv, c1, c2 = (net.add(n) for n in ("srv", "c1", "c2"))
        net.veth(srv, "vs1", c1, 1)
        net.veth(srv, "vs2", c2, 2)
        d = dp.Dataplane(program, srv, "af_xdp", interfaces=["vs1", "vs2"])
        killed_under_load(net, d, srv, c1, c2)
        second_is_refused(d)
        foreign_is_refused(d, srv, foreign_object(d.dir))
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


main(sys.argv[1])
