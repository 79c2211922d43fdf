#!/usr/bin/env python3
"""
dpdk_kernel.py PROGRAM: a port of DPDK with the kernel behind it, one worker and two.

      ns srv                                                        ns cl
    kernel 10.77.1.1 ── chq-net_af_pa… (TAP)                     ┌─ eth0 10.77.1.2, .3
           fd77:1::1          │                                  │       fd77:1::2
                      chasqui-dataplane ── DPDK ── vs1 ── veth ──┘
                                           (net_af_packet: stands for a card, the kernel is kept off it)

The kernel answers for the port what is not ours: ARP, neighbour discovery, ping, TCP; a session without a next hop is
reached all the same; a flood of packets that are not ours slows no conversation.
"""
import ctypes
import fcntl
import os
import secrets
import signal
import socket
import struct
import sys
import threading
import time

import dp

TAP = "chq-net_af-27c4"
TUNSETIFF, IFF_TAP, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0002, 0x1000, 0x40000000
SERVER4, SERVER6, CLIENT4 = "10.77.1.1", "fd77:1::1", "10.77.1.2"


def cable(net, srv, cl, queues):
    """A veth whose end in srv belongs to DPDK alone."""
    net.veth(srv, "vs1", cl, 1, queues)
    net.ip(srv, "addr", "flush", "dev", "vs1")
    net.sysctl(srv, net__ipv6__conf__vs1__disable_ipv6=1, net__ipv4__conf__vs1__rp_filter=1)
    net.ip(srv, "link", "set", "vs1", "arp", "off", "up")
    net.ip(cl, "addr", "add", "10.77.1.3/24", "dev", "eth0")


def addresses(net, srv):
    """As an operator does: on the interface that stands for the port."""
    net.sysctl(srv, **{f"net__ipv6__conf__{TAP}__accept_dad": 0})
    net.ip(srv, "addr", "add", f"{SERVER4}/24", "dev", TAP)
    net.ip(srv, "addr", "add", f"{SERVER6}/64", "dev", TAP, "nodad")


def macs(net, ns):
    """The neighbours that eth0 knows: address -> MAC."""
    lines = [line.split() for line in net.ip(ns, "neigh", "show", "dev", "eth0").splitlines()]
    return {words[0]: words[words.index("lladdr") + 1] for words in lines if "lladdr" in words}


def tcp_exchange(net, srv, cl, size=300000):
    """Bytes to the server's address and back; True if they are the same."""
    listener = net.socket(srv, socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((SERVER4, 7007))
    listener.listen(1)

    def echo():
        conn, _ = listener.accept()
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data)

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    data, got = secrets.token_bytes(size), b""
    with net.socket(cl, socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(20)
        s.connect((SERVER4, 7007))
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        while part := s.recv(65536):
            got += part
        sender.join(20)
    thread.join(20)
    listener.close()
    return got == data


def quiet_session(net, cl, control, host, account, seen):
    """A logged-in client at @host as control may know it from another driver: without its next hop. @seen: a path that is known."""
    c = dp.Client(net, cl, SERVER4)
    ip = bytes(10) + b"\xff\xff" + socket.inet_aton(host)
    path = ip + struct.pack("<H", c.sock.getsockname()[1]) + seen[18:24] + bytes(8)
    c.account, c.seq = account, 0
    c.slot = control.open_session(path, account, c)
    return c


def first_frame(net, cl, control, a, host, account):
    """@a writes to somebody whose neighbour nobody knows yet. Does it arrive?"""
    c = quiet_session(net, cl, control, host, account, a.path)
    c.send_to(a, 1, b"confirmed by this")
    control.wait(dp.DP_EVENT)
    dp.check(a.receive(5) is not None, f"the session at {host} is confirmed")
    for i in range(5):
        a.send_to(c, i + 1, b"first")
    got = [c.receive(5) for _ in range(5)] if host == CLIENT4 else []
    c.close()
    return len(got) == 5 and all(x and c.opened(x) for x in got)


def next_hops(net, srv, cl, d, control, a):
    net.ip(srv, "neigh", "flush", "dev", TAP)
    dp.check(first_frame(net, cl, control, a, CLIENT4, 1101), "frames to a neighbour not yet known are held until it is, and arrive")
    dp.check(d.ask("stats")["total"]["neighbour"] >= 5, "and are counted")
    first_frame(net, cl, control, a, "10.77.1.77", 1102)
    dp.wait_for(lambda: d.ask("stats")["total"].get("drop-neighbour", 0) > 0, 15, "the kernel gives up")
    dp.check(dp.chat(a, a, 5), "to one that does not answer they are given up and counted, and others are reached")


def foreign_flood(net, cl):
    """A process that sends bursts of packets that are not ours; more at once than the kernel is given."""
    s = net.socket(cl, socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    s.connect((SERVER4, 9))
    pid = os.fork()
    if pid == 0:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for _ in range(800):
                try:
                    s.send(b"x" * 64)
                except OSError:
                    pass
            time.sleep(0.01)
        os._exit(0)
    s.close()
    return pid


def flooded(net, cl, d, a, b):
    before = d.ask("stats")["total"].get("drop-to-kernel", 0)
    pid = foreign_flood(net, cl)
    try:
        dp.wait_for(lambda: d.ask("stats")["total"].get("drop-to-kernel", 0) > before, 20, "the kernel is given no more")
        dp.check(dp.chat(a, b, 100), "a flood of packets that are not ours: every frame between others arrives")
        net.ip(cl, "neigh", "flush", "dev", "eth0")
        # The client's own kernel drops frames while it asks, since the flood waits for the answer too.
        dp.wait_for(lambda: dp.chat(a, b, 5), 20, "and the neighbours' questions come before it")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    dp.check(d.ask("stats")["total"]["drop-to-kernel"] > before, "what the kernel is not given is counted")


def taken_by_nobody(srv):
    """Does a user without rights get hold of the interface?"""
    libc = ctypes.CDLL(None, use_errno=True)
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            with open(f"/run/netns/{srv}", "rb") as ns:
                if libc.setns(ns.fileno(), CLONE_NEWNET):
                    os._exit(status)
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            tun = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", TAP.encode(), IFF_TAP | IFF_NO_PI))
            status = 0
        except PermissionError:
            status = 1
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    dp.check(status != 2, "somebody tries to take the interface")
    return status == 0


def killed(net, srv, cl, d):
    """kill -9: the interface, its addresses and the kernel's connections stay."""
    listener = net.socket(srv, socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((SERVER4, 7008))
    listener.listen(1)
    with net.socket(cl, socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(20)
        s.connect((SERVER4, 7008))
        conn, _ = listener.accept()
        d.kill()
        dp.check(SERVER4 in net.ip(srv, "addr", "show", "dev", TAP), "after kill -9 the interface is there with its addresses")
        dp.check(not taken_by_nobody(srv), "and no user without rights can take it over")
        d.start()
        dp.Control(d).close()
        s.sendall(b"still there")
        conn.settimeout(20)
        dp.check(conn.recv(64) == b"still there", "a TCP connection from before goes on")
        conn.close()
    listener.close()


def scenario(program, workers):
    net, d = dp.Net(), None
    try:
        srv, cl = net.add("srv"), net.add("cl")
        cable(net, srv, cl, workers)
        port = "net_af_packet0,iface=vs1,framecnt=4096" + (f",qpairs={workers}" if workers > 1 else "")
        d = dp.Dataplane(program, srv, "dpdk", ports=[port], workers=workers).start()
        control = dp.Control(d)
        addresses(net, srv)
        dp.wait_for(lambda: len(d.ask("ports")[0]["addresses"]) >= 2, 20, "addresses of the interface are ours")
        dp.check(True, f"{workers} worker(s): the addresses of the port's interface are those that clients reach")
        dp.check(dp.ping(net, cl, SERVER4, 56) and dp.ping(net, cl, SERVER6, 56) and dp.ping(net, cl, SERVER4, 1400),
                 "ARP, neighbour discovery and ping are answered by the kernel")
        known = macs(net, cl)
        dp.check(known[SERVER4] == known[SERVER6] == d.ask("ports")[0]["mac"], "with the port's MAC")
        a = dp.Client(net, cl, SERVER4).log_in(control, 1001)
        b = dp.Client(net, cl, SERVER6).log_in(control, 1002)
        dp.check(dp.chat(a, b, 40), "frames reach the other client")
        dp.check(tcp_exchange(net, srv, cl) and dp.chat(a, b, 20), "a TCP connection to the same address works beside it")
        stats = d.ask("stats")
        dp.check(stats["total"]["to-kernel"] > 100 and stats["total"]["from-kernel"] > 100,
                 "what goes to and comes from the kernel is counted")
        dp.check(all(w.get("rx", 0) + w.get("kernel", 0) > 0 for w in stats["workers"]), "every worker receives")
        next_hops(net, srv, cl, d, control, a)
        flooded(net, cl, d, a, b)
        a.close()
        b.close()
        control.close()
        killed(net, srv, cl, d)
        dp.check(d.stop() == 0, "it ends when told")
        d.call("detach")
        dp.check(TAP not in net.ip(srv, "link"), "detach removes the interface")
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


if not os.path.exists("/dev/net/tun"):
    dp.skip("no /dev/net/tun")
for count in (1, 2):
    scenario(sys.argv[1], count)
