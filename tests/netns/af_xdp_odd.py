#!/usr/bin/env python3
"""
af_xdp_odd.py PROGRAM: the driver af_xdp where not all is as it should be.

      ns c1                         ns srv                          ns c2
    eth0 10.77.1.2  ──── veth ──── vs1 10.77.1.1
                                   vs2 10.77.2.1 ──── veth ──── eth0 10.77.2.2

More packets than there is memory for; a neighbour that is not known; killed at any moment of its start; an interface that is gone and comes back; an interface without native XDP (the
client's end of vs2 has more transmit queues than vs2 has receive queues); and what it refuses, with words that help.
"""
import random
import socket
import struct
import subprocess
import sys
import time

import dp

START_KILLS = 15
PACKETS = 40000  # a queue's memory holds 8,191


def talk(net, control, c1, c2):
    a = dp.Client(net, c1, "10.77.1.1").log_in(control, 1001)
    b = dp.Client(net, c2, "10.77.2.1").log_in(control, 1002)
    done = dp.chat(a, b)
    a.close()
    b.close()
    return done


def start(net, d, c1, c2, text):
    d.start()
    control = dp.Control(d)
    dp.check(talk(net, control, c1, c2), text)
    control.close()


def no_packet_is_lost(net, d, control, c1, c2):
    """More packets of every fate than there is memory for: forwarded, refused, handed up."""
    a = dp.Client(net, c1, "10.77.1.1").log_in(control, 1001)
    b = dp.Client(net, c2, "10.77.2.1").log_in(control, 1002)
    good = dp.grant(b.grant_key, a.account, b.account, dp.today() + 1)
    old = a.frame(dp.party(b.account, 0), 0, 1, good)
    up = a.frame(dp.party(77, 0), 0, 1, 5)
    for i in range(PACKETS // 4):
        for dgram in (old, b"\x55" * 100, up, a.frame(dp.party(b.account, 0), 0, i + 2, good)):
            a.sock.send(dgram)
        if i % 16 == 15:
            b.receive(1)  # a breath, so that no queue overflows for good
            while b.receive(0):
                pass
    stats = d.ask("stats")["total"]
    dp.check(stats["rx"] >= PACKETS * 3 // 4 and stats["drop-replay"] and stats["drop-type"] and stats["forward"],
             f"{stats['rx']} packets of every fate came in")  # fmt: skip
    while b.receive(0.2):
        pass
    dp.check(dp.chat(a, b), "and none kept its memory: frames go on")
    a.close()
    b.close()


def next_hop_by_the_kernel(net, d, control, srv, c1, c2):
    """A session as another driver opened it: nobody has seen its neighbour."""
    a = dp.Client(net, c1, "10.77.1.1").log_in(control, 1001)
    b = dp.Client(net, c2, "10.77.2.1").log_in(control, 1002)
    c = dp.Client(net, c2, "10.77.2.1")
    c.account = 1003
    ip = bytes(10) + b"\xff\xff" + socket.inet_aton("10.77.2.2")
    c.slot = control.open_session(ip + struct.pack("<H", c.sock.getsockname()[1]) + b.path[18:24] + bytes(8), 1003, c)
    c.send_to(a, 1, b"confirmed by this")
    control.wait(dp.DP_EVENT)
    assert a.receive(5) is not None
    net.ip(srv, "neigh", "flush", "dev", "vs2")
    for i in range(5):
        a.send_to(c, i + 1, b"first")
    got = [c.receive(5) for _ in range(5)]
    dp.check(all(x and c.opened(x) for x in got) and d.ask("stats")["total"]["neighbour"] == 5,
             "frames to a neighbour not yet known are sent by the kernel, which resolves it")
    for client in (a, b, c):
        client.close()


def killed_while_starting(d):
    random.seed(4700)
    for _ in range(START_KILLS):
        d.start()
        time.sleep(random.uniform(0, 0.5))  # any moment will do
        d.kill()


def generic_is_explained(d):
    ports = {p["name"]: p for p in d.ask("ports")}
    dp.check(ports["vs1"]["mode"] == "native", "an interface that can is in native mode")
    dp.check(ports["vs2"]["mode"] == "generic" and "transmit queues" in ports["vs2"]["why_generic"],
             "one that cannot is in generic mode, and says why")  # fmt: skip
    dp.check(any("10.77.1.1" in a for a in ports["vs1"]["addresses"]), "a port tells its addresses")


def refusals(program, srv):
    cases = [
        ("af_xdp", {"interfaces": ["nix0"]}, "nix0: no such network interface"),
        ("af_xdp", {"interfaces": ["vs1"], "workers": 2}, "vs1 has 1 receive queue"),
        ("af_xdp", {"interfaces": ["vs1"], "memory": "16MiB"}, "dataplane.memory is 16 MiB"),
        ("af_xdp", {"interfaces": ["vs1"], "tables": "file"}, "dataplane.tables: bpf"),
        ("dpdk", {"ports": ["net_nix0"], "addresses": ["10.0.0.1"]}, "DPDK has no such port"),
        ("dpdk", {"ports": ["net_tap0,iface=dtap0"], "addresses": ["10.0.0.1"], "workers": 20, "memory": "1GiB"},
         "dataplane.workers can be 16 at most"),
    ]  # fmt: skip
    for driver, conf, text in cases:
        d = dp.Dataplane(program, srv, driver, **conf)
        try:
            got = d.call("run")
            said = next((line for line in got.stderr.splitlines() if "driver-refused" in line), got.stderr)
            dp.check(got.returncode != 0 and text in said, f"refused with a word that helps: {text}")
        finally:
            d.close()


def little_locked_memory(program, srv):
    """LimitMEMLOCK= of a service, without the right to pass over it."""
    drop = "-ipc_lock,-sys_resource"
    fewer = ["prlimit", "--memlock=8388608:8388608", "setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"]
    for driver, event in (("af_xdp", "event=driver-refused driver=af_xdp"), ("auto", "event=driver driver=xdp")):
        d = dp.Dataplane(program, srv, driver, interfaces=["vs1"])
        try:
            command = d.command("run")
            at = command.index(program)
            d.proc = subprocess.Popen([*command[:at], *fewer, *command[at:]], stderr=d.log, stdin=subprocess.DEVNULL)
            dp.wait_for(lambda: event in d.text(), 20, event)
            dp.check("bytes of locked memory" in d.text() and "LimitMEMLOCK=infinity" in d.text(),
                     f"driver: {driver}: too little locked memory is said with the size asked for and what to set")  # fmt: skip
        finally:
            d.close()


def main(program):
    net, d = dp.Net(), None
    try:
        srv, c1, c2 = (net.add(n) for n in ("srv", "c1", "c2"))
        net.veth(srv, "vs1", c1, 1)
        net.veth(srv, "vs2", c2, 2, peer_queues=2)
        d = dp.Dataplane(program, srv, "af_xdp", interfaces=["vs1", "vs2"])
        start(net, d, c1, c2, "frames flow between native and generic mode")
        generic_is_explained(d)
        no_packet_is_lost(net, d, dp.Control(d), c1, c2)
        next_hop_by_the_kernel(net, d, dp.Control(d), srv, c1, c2)
        d.stop()
        killed_while_starting(d)
        start(net, d, c1, c2, f"killed {START_KILLS} times while starting, it starts")
        d.stop()
        net.ip(srv, "link", "del", "vs1")
        net.veth(srv, "vs1", c1, 1)
        start(net, d, c1, c2, "an interface that is another one by now is attached anew")
        d.stop()
        d.call("detach")
        refusals(program, srv)
        little_locked_memory(program, srv)
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


main(sys.argv[1])
