#!/usr/bin/env python3
"""
huge_tables.py PROGRAM: the driver dpdk keeps its tables in huge pages by itself where there are enough; sessions outlive
kill -9 there, and detach gives every page back.

      ns srv
    clients, kernel 10.78.0.1 ──── dtap0 ──── DPDK port net_tap0, 10.78.0.2   chasqui-dataplane
"""
import json
import os
import sys
import tempfile

import dp

PAGE_MIB = 2
MEMORY_MIB = 32  # of packets
TABLES = 5  # each takes one page at least


def free_pages():
    with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", encoding="ascii") as f:
        return int(f.read())


def link_up(net, srv):
    dp.wait_for(lambda: "dtap0" in dp.run("ip", "-n", srv, "-o", "link"), 20, "DPDK makes the TAP device")
    net.ip(srv, "addr", "add", "10.78.0.1/24", "dev", "dtap0")
    net.ip(srv, "link", "set", "dtap0", "up")
    net.ip(srv, "neigh", "replace", "10.78.0.2", "lladdr", "02:00:00:00:00:02", "dev", "dtap0")


def new(program, srv, mount, **more):
    return dp.Dataplane(program, srv, "dpdk", ports=["net_tap0,iface=dtap0"], addresses=["10.78.0.2"], tables="auto",
                        hugetlbfs=mount, memory=f"{MEMORY_MIB}MiB", **more)  # fmt: skip


def kept(program, net, srv, mount):
    before = free_pages()
    d = new(program, srv, mount).start()
    try:
        control = dp.Control(d)
        link_up(net, srv)
        tables = d.ask("status")["tables"]
        dp.check(tables["backing"] == "huge" and not tables["adopted"], "there are enough huge pages: auto takes them")
        a = dp.Client(net, srv, "10.78.0.2").log_in(control, 1001)
        b = dp.Client(net, srv, "10.78.0.2").log_in(control, 1002)
        dp.check(dp.chat(a, b, 20), "frames reach the other client")
        mode = os.stat(f"{mount}/chasqui-{d.instance}").st_mode & 0o777
        dp.check(mode == 0o700, "nobody else may look into their folder")
        control.close()
        d.kill()
        files = json.loads(d.call("-o", "json", "status").stdout)["data"]["huge_files"]
        dp.check(len(files) == TABLES, "killed, it leaves the tables; status names their files")
        d.start()
        control = dp.Control(d)
        link_up(net, srv)
        tables = d.ask("status")["tables"]
        dp.check(tables["backing"] == "huge" and tables["adopted"] and tables["sessions_used"] == 2, "the next start adopts them")
        for client in (a, b):
            client.ping()  # the TAP device is another one now: they have a new MAC
        dp.check(dp.chat(a, b, 20), "both sessions go on with their keys and numbers")
        dp.check(d.stop() == 0, "it ends when told")
        dp.check(free_pages() < before, "it ends without giving the sessions up")
        d.call("detach")
        dp.check(not os.listdir(mount), "detach removes the files")
        dp.check(dp.wait_for(lambda: free_pages() == before, 10, "pages come back"), "every page is free again")
    except BaseException:
        print(d.text(), file=sys.stderr)
        raise
    finally:
        d.close()


def too_few(program, srv, mount):
    d = dp.Dataplane(program, srv, "socket", tables="huge", hugetlbfs=mount, sessions=1 << 26)
    try:
        text = d.call("run").stderr
        dp.check("tables-refused" in text and "28676 MiB" in text and "vm.nr_hugepages" in text,
                 "with too few it refuses: how many are needed, and what to set")  # fmt: skip
        dp.check(not os.listdir(mount) or not os.listdir(f"{mount}/chasqui-{d.instance}"), "and keeps none")
    finally:
        d.close()


def main(program):
    if not os.path.exists("/dev/net/tun"):
        dp.skip("no /dev/net/tun")
    net = dp.Net()
    mount = tempfile.mkdtemp(prefix="chq-huge-")
    try:
        with dp.Hugepages(TABLES + MEMORY_MIB // PAGE_MIB + 8) as pages:
            if not pages.there:
                dp.skip("no huge pages to be had")
            dp.run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M,mode=0755", "chq-test", mount)
            try:
                srv = net.add("srv")
                kept(program, net, srv, mount)
                too_few(program, srv, mount)
            finally:
                dp.run("umount", mount)
    finally:
        os.rmdir(mount)
        net.close()


main(sys.argv[1])
