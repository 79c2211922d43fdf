#!/usr/bin/env python3
"""tap.py PROGRAM [ARGS]: run a cmocka program and pass its TAP on, with skip() told the way TAP means it.

cmocka 1.1 writes `not ok N # SKIP name` for a test that called skip(), which readers of TAP take for a failure.
The reason is the test's last line `skipped: …`.
"""
import re
import subprocess
import sys

SKIP = re.compile(r"not ok (\d+) # SKIP (.*)")
REASON = re.compile(r"(?:# )?skipped: (.*)")


def main():
    reason = "needs root"
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True, errors="replace") as program:
        for line in program.stdout:
            told = REASON.match(line)
            skip = SKIP.match(line)
            if told:
                reason = told.group(1).strip()
            if skip:
                line = f"ok {skip.group(1)} - {skip.group(2)} # SKIP {reason}\n"
                reason = "needs root"
            sys.stdout.write(line)
            sys.stdout.flush()
    return program.returncode if program.returncode >= 0 else 128 - program.returncode


sys.exit(main())
