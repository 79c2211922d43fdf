#!/usr/bin/env python3
"""
af_xdp.py PROGRAM: two clients talk through the driver af_xdp, IPv4 and IPv6, one worker and two, without huge
pages and with them, and with threads that have cores of their own.

      ns c1                         ns srv                          ns c2
    eth0 10.77.1.2  ──── veth ──── vs1 10.77.1.1
         fd77:1::2                     fd77:1::1     chasqui-dataplane
                                   vs2 10.77.2.1 ──── veth ──── eth0 10.77.2.2
                                       fd77:2::1                     fd77:2::2

Beside it ping, TCP and another UDP port are the kernel's, as without us.
"""
import os
import pwd
import socket
import sys
import threading

import dp


def echo_tcp(net, srv):
    listener = net.socket(srv, socket.AF_INET6, socket.SOCK_STREAM)
    listener.bind(("::", 4700))  # our own port's number, but TCP
    listener.listen()

    def serve():
        conn, _ = listener.accept()
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return listener


def other_traffic(net, srv, c1):
    for host, size in (("10.77.1.1", 56), ("10.77.1.1", 3000), ("fd77:1::1", 56), ("fd77:1::1", 3000)):
        assert dp.ping(net, c1, host, size), f"{host} does not answer a ping of {size} bytes"
    with echo_tcp(net, srv), net.socket(c1, socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.settimeout(10)
        tcp.connect(("10.77.1.1", 4700))
        sent = b"x" * 200000
        threading.Thread(target=tcp.sendall, args=(sent,), daemon=True).start()
        got = 0
        while got < len(sent):
            got += len(tcp.recv(65536))
    with net.socket(srv, socket.AF_INET) as here, net.socket(c1, socket.AF_INET) as there:
        here.bind(("10.77.1.1", 4701))
        here.settimeout(5)
        there.sendto(b"dns?", ("10.77.1.1", 4701))
        assert here.recv(100) == b"dns?"
    return True


def busy_polling(srv):
    settings = ("napi_defer_hard_irqs", "gro_flush_timeout")
    return [dp.run("ip", "netns", "exec", srv, "cat", f"/sys/class/net/vs1/{s}").strip() for s in settings]


def later_address(net, srv, c1, control):
    """An address that comes while the dataplane runs is served soon; one that goes is the kernel's again."""
    net.ip(srv, "addr", "add", "10.77.1.9/24", "dev", "vs1")
    a = dp.Client(net, c1, "10.77.1.9")
    hello = bytes([dp.HELLO, 1, 1]).ljust(dp.HELLO_LEN, b"\0")
    a.ask(hello, dp.RETRY)
    net.ip(srv, "addr", "del", "10.77.1.9/24", "dev", "vs1")
    dp.wait_for(lambda: a.sock.send(hello) and not a.receive(0.3), 10, "what comes to it is not ours any more")
    a.close()
    return True


def scenario(program, workers, hugepages="off", **more):
    net, d = dp.Net(), None
    try:
        srv, c1, c2 = (net.add(n) for n in ("srv", "c1", "c2"))
        net.veth(srv, "vs1", c1, 1, workers)
        net.veth(srv, "vs2", c2, 2, workers)
        d = dp.Dataplane(program, srv, "af_xdp", interfaces=["vs1", "vs2"], workers=workers,
                         hugepages=hugepages, user="nobody", **more).start()  # fmt: skip
        control = dp.Control(d)
        with open(f"/proc/{d.proc.pid}/status", encoding="ascii") as f:
            uid = f.read().split("Uid:")[1].split()[0]
        dp.check(uid == str(pwd.getpwnam("nobody").pw_uid), "it is not root any more")
        dp.check(busy_polling(srv) == ["2", "200000"], "the interface leaves interrupts to the worker")
        for one, two, name in (("10.77.1.1", "10.77.2.1", "IPv4"), ("fd77:1::1", "fd77:2::1", "IPv6"),
                               ("10.77.1.1", "fd77:2::1", "IPv4 to IPv6")):  # fmt: skip
            a, b = dp.Client(net, c1, one), dp.Client(net, c2, two)
            a.log_in(control, 1001)
            b.log_in(control, 1002)
            dp.check(dp.chat(a, b, 40), f"{workers} worker(s), huge pages {hugepages}: frames reach the other client over {name}")
            a.close()
            b.close()
        control.close()
        d.kill()
        d.start()
        control = dp.Control(d)
        dp.check(later_address(net, srv, c1, control), "addresses come and go while it runs")
        dp.check(other_traffic(net, srv, c1), "ping, TCP and another UDP port beside it are untouched")
        dp.check(d.stop() == 0, "it ends when told")
        dp.check(busy_polling(srv) == ["0", "0"], "the interface has its settings back, though the process was killed once")
        d.start()
        dp.Control(d).close()
        d.kill()
        dp.check(busy_polling(srv) == ["2", "200000"], "a killed process leaves them")
        status = d.call("status")
        dp.check("vs1" in status.stdout, "the program stands on the interface when no process runs")
        d.call("detach")
        links = dp.run("ip", "-n", srv, "-d", "link", "show", "vs1")
        dp.check("prog/xdp" not in links, "detach takes the program off")
        dp.check(busy_polling(srv) == ["0", "0"], "and gives the settings back")
        dp.check(not os.path.exists(f"{d.bpffs}/{d.instance}"), "detach leaves no pin")
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


for n in (1, 2):
    scenario(sys.argv[1], n)
with dp.Hugepages(64) as pages:
    if pages.there:
        cpus = sorted(os.sched_getaffinity(0))
        scenario(sys.argv[1], 1, "required", cores=[cpus[-1]], main_core=cpus[0])
    else:
        print("# no huge pages to be had: that part is left out")
