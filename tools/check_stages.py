#!/usr/bin/env python3
"""Builds and tests in stages, and counts. Called by tools/check from the top of the checkout."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

# Each stage: how it is built, in build/check-<name>, and which suites run in it (None: all, []: none); "targets" are
# built alone.
STAGES = {
    "gcc": {
        "about": "gcc, warnings as errors, every test",
        "cc": "gcc",
        "setup": [],
        "suites": None,
        "timeout": 2,
    },
    "sanitizers": {
        "about": "gcc with ASan and UBSan: units, fuzz seeds, smoke test",
        "cc": "gcc",
        "setup": ["-Db_sanitize=address,undefined", "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer"],
        "suites": ["unit", "fuzz", "smoke"],
        "timeout": 4,
    },
    "threads": {
        "about": "clang with ThreadSanitizer: workers and manager on the same sessions",
        "cc": "clang",
        "setup": ["-Db_sanitize=thread", "-Db_lundef=false"],
        "targets": ["tests/stress/stress-workers", "tests/stress/shadow-tables", "tests/stress/shadow-replay"],
        "suites": ["stress"],
        "timeout": 4,
    },
    "clang": {
        "about": "clang, with the fuzz targets: compiled only",
        "cc": "clang",
        "setup": ["-Dfuzz=enabled", "-Db_sanitize=address", "-Db_lundef=false"],
        "suites": [],
        "timeout": 1,
    },
}
OUTPUT_LINES = 120  # of a failing test that are shown
PLAN = re.compile(r"^1\.\.(\d+)", re.M)
POINT = re.compile(r"^(not )?ok\b(?P<text>[^\n]*)", re.M)
SKIP = re.compile(r"#\s*skip\S*\s*(?P<why>.*)", re.I)


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []  # (name, output)
        self.skipped = []  # (name, reason)

    def add(self, stage, test):
        """One entry of meson's testlog.json; a TAP test counts by its points."""
        name, out = f"{stage}: {test['name'].removeprefix('chasqui:')}", test.get("stdout") or ""
        points = list(POINT.finditer(out)) if PLAN.search(out) else []
        bad = 0
        for point in points:
            skip = SKIP.search(point["text"])
            if skip:
                self.skipped.append((f"{name}{point['text'][:skip.start()]}", skip["why"]))
            elif point[1]:
                bad += 1
                self.failed.append((f"{name}{point['text']}", ""))
            else:
                self.passed += 1
        if test["result"] == "SKIP":
            if not points:
                self.skipped.append((name, reason(out)))
        elif test["result"] not in ("OK", "EXPECTEDFAIL"):
            log = "\n".join(filter(None, [out, test.get("stderr")]))
            if bad:
                self.failed[-1] = (self.failed[-1][0], log)
            else:  # crashed, timed out, or its plan does not hold
                self.failed.append((f"{name} ({test['result'].lower()})", log))
        elif not points:
            self.passed += 1

    def print(self):
        for name, log in self.failed:
            print(f"\nFAILED {name}")
            lines = log.rstrip().splitlines()
            if len(lines) > OUTPUT_LINES:
                print(f"    ... {len(lines) - OUTPUT_LINES} lines more")
            for line in lines[-OUTPUT_LINES:]:
                print(f"    {line}")
        if self.skipped:
            print("\nSkipped:")
        for name, why in self.skipped:
            print(f"    {name}: {why}")
        print(f"\n{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped", flush=True)


def reason(out):
    lines = [line for line in out.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"


def say(text):
    print(f"check: {text}", flush=True)


def run(tally, what, command, log, **kw):
    """A step of building; a failure counts as one failed check, with its output."""
    with open(log, "w+") as out:
        rc = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, **kw).returncode
        if rc:
            out.seek(0)
            tally.failed.append((what, out.read()))
    return rc == 0


def build(tally, name, stage, folder):
    env_cc = {"CC": stage["cc"]}
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    log = folder.with_suffix(".log")
    setup = ["meson", "setup", "-Dauto_features=enabled", *stage["setup"], str(folder)]
    if not run(tally, f"{name}: meson setup", setup, log, env={**environ(), **env_cc}):
        return False
    started = time.monotonic()
    if not run(tally, f"{name}: build", ["ninja", "-C", str(folder), *stage.get("targets", [])], log):
        return False
    tally.passed += 1  # it compiles without a warning: a check of its own
    say(f"{name}: built in {time.monotonic() - started:.0f} s")
    return True


def environ():
    return {k: v for k, v in os.environ.items() if k not in ("CFLAGS", "LDFLAGS")}


def test(tally, name, stage, folder):
    command = ["meson", "test", "-C", str(folder), "--no-rebuild", "-t", str(stage["timeout"])]
    for suite in stage["suites"] or []:
        command += ["--suite", suite]
    subprocess.run(command)  # shows each test as it ends; its log is what counts
    log = folder / "meson-logs" / "testlog.json"
    if not log.is_file():
        tally.failed.append((f"{name}: no test ran", ""))
        return
    with open(log) as lines:
        for line in lines:
            tally.add(name, json.loads(line))


def main(names):
    unknown = [n for n in names if n not in STAGES]
    if unknown:
        print(f"unknown stage {unknown[0]}; there are {', '.join(STAGES)}", file=sys.stderr)
        return 2
    tally, started = Tally(), time.monotonic()
    for name in names or STAGES:
        stage, folder = STAGES[name], pathlib.Path("build") / f"check-{name}"
        say(f"{name}: {stage['about']}")
        if build(tally, name, stage, folder) and stage["suites"] != []:
            test(tally, name, stage, folder)
    say(f"took {(time.monotonic() - started) / 60:.1f} minutes")
    tally.print()
    return 1 if tally.failed else 0


sys.exit(main(sys.argv[1:]))
