#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Test what make icount promises: near the open-coded loop, and the same in every boot. KTAP."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc.cmd import bench  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402

LIMIT = 1.05
SPREAD = 0.001


def main() -> int:
    """Return the exit status."""
    kernel_flags = sys.argv[1:]
    if "--accel" in kernel_flags:
        at = kernel_flags.index("--accel")
        del kernel_flags[at:at + 2]
    loops = [(point.path, point.protocol) for point in bench.find_suite("icount").icount()]
    out = Ktap(lambda line: print(line, flush=True), 2 * len(loops) + 1)
    with tempfile.TemporaryDirectory(prefix="folioscale-icount-") as folder:
        argv = [str(SCRIPTS / "folioscale"), "icount", "--accel", "icount", "--vcpus", "1", *kernel_flags]
        done = subprocess.run([*argv, "--repetitions", "2", "--out", folder], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out.result(done.returncode == 0, "make icount passes", f"exit status {done.returncode}\n{done.stdout}")
        try:
            found = json.loads((Path(folder) / "result.json").read_text())
        except (OSError, ValueError) as error:
            print(f"# {error}")
            return 1
        figures = {(point["path"], point["protocol"]): point["summary"] for point in found["points"]}
        for loop in loops:
            name, seen = " ".join(loop), figures[loop]
            ratio = seen.get("instructions_per_lookup_over_opencoded")     # None: no open-coded loop, or no good one
            lookup = seen.get("instructions_per_lookup")
            out.result(bool(ratio) and ratio["median"] <= LIMIT, f"{name} is within {LIMIT:.2f} of the open-coded loop", f"{ratio}")
            out.result(bool(lookup) and lookup["n"] == 2 and lookup["high"] / lookup["low"] - 1 <= SPREAD,
                       f"{name}: two boots within {SPREAD:.1%}", f"{lookup}")
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
