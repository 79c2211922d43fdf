#!/usr/bin/env python3
"""xdp_pass.py DEVICE PIN: let a program that passes everything stand on a network device, by a link pinned on a bpffs.

What an XDP program sends back into a virtual cable (veth) arrives only if the other end has a program too; a real card
needs nothing of the kind. It goes with its pin, or with the device."""
import ctypes
import os
import socket
import struct
import sys

NR_BPF = 321  # x86-64
PROG_LOAD, OBJ_PIN, LINK_CREATE = 5, 6, 28
PROG_TYPE_XDP, ATTACH_XDP = 6, 37
PASS = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)  # r0 = XDP_PASS; exit

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    attr = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    fd = libc.syscall(NR_BPF, command, attr, len(attr))
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}: {os.strerror(ctypes.get_errno())}")
    return fd


def attach(device):
    """The link's descriptor; the program goes when it is closed. @device: of the caller's network namespace."""
    code, licence = ctypes.create_string_buffer(PASS, len(PASS)), ctypes.create_string_buffer(b"GPL")
    prog = bpf(PROG_LOAD, struct.pack("<IIQQ", PROG_TYPE_XDP, len(PASS) // 8, ctypes.addressof(code),
                                      ctypes.addressof(licence)))  # fmt: skip
    try:
        return bpf(LINK_CREATE, struct.pack("<IIII", prog, socket.if_nametoindex(device), ATTACH_XDP, 0))
    finally:
        os.close(prog)


def pin(link, path):
    name = ctypes.create_string_buffer(path.encode())
    bpf(OBJ_PIN, struct.pack("<QI", ctypes.addressof(name), link))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    pin(attach(sys.argv[1]), sys.argv[2])
