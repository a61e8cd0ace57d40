#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What make icount promises: near the floor, and the same in every boot. KTAP."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc.ktap import Ktap  # noqa: E402

PROTOCOLS = ("overlay", "typesafe", "rcu_desc", "rcu_full")
LIMIT = 1.10
SPREAD = 0.001


def main() -> int:
    """Return the exit status."""
    kernel_flags = sys.argv[1:]
    if "--accel" in kernel_flags:
        at = kernel_flags.index("--accel")
        del kernel_flags[at:at + 2]
    out = Ktap(lambda line: print(line, flush=True), 2 * len(PROTOCOLS) + 1)
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
        figures = {point["protocol"]: point["summary"] for point in found["points"]}
        for protocol in PROTOCOLS:
            ratio = figures[protocol]["instructions_per_lookup_over_floor"]
            lookup = figures[protocol]["instructions_per_lookup"]
            spread = lookup["high"] / lookup["low"] - 1
            out.result(ratio["median"] <= LIMIT, f"{protocol} is within {LIMIT:.2f} of its floor", f"{ratio}")
            out.result(lookup["n"] == 2 and spread <= SPREAD, f"{protocol}: two boots within {SPREAD:.1%}", f"{lookup}")
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
