# SPDX-License-Identifier: GPL-2.0
"""A virtual machine on the user's own terminal, with the module loaded and idle in it."""

import argparse
import shutil
import sys
import termios

from . import accel, kernel, repo, vm
from .verdict import EXIT_STATUS, LOST, PASS, SetupError

_JOB = """
stty -F /dev/ttyS0 rows {rows} cols {columns}
insmod /folioscale.ko autorun=0 {params}
cat <<'END' >/dev/ttyS0

/folioscale.ko is loaded and idle. Start a run, then read what it found:
  cd /sys/kernel/debug/folioscale
  echo start > control; cat state; cat counters
Its parameters are in /sys/module/folioscale/parameters and can be changed between runs.
Or: rmmod folioscale; insmod /folioscale.ko protocol=typesafe nr_readers=2 duration_ms=2000
exit, or Ctrl-A X, ends the machine.

END
setsid cttyhack sh
"""


def main(args: argparse.Namespace) -> int:
    """Run the shell; return the exit status."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SetupError("make shell wants a terminal")
    machine = kernel.choose(args.kdir, args.kernel)
    module = kernel.build_module(machine)
    how = accel.choose(args.accel, machine)
    columns, rows = shutil.get_terminal_size()
    spec = vm.BootSpec(
        kernel=machine, accel=how, timeout_s=0,
        job=_JOB.format(rows=rows, columns=columns, params=args.params),
        files={"folioscale.ko": module / "folioscale.ko"},
        vcpus=how.max_vcpus or args.vcpus, memory_mb=args.memory, outdir=repo.BUILD / "vm/shell",
        cmdline=["loglevel=4"])  # else the kernel's chatter lands between what is typed
    before = termios.tcgetattr(sys.stdin)
    try:
        command = vm.prepare(spec, serial="mon:stdio", status="/dev/null")
        return EXIT_STATUS[PASS if vm.run_interactive(command, spec.outdir) == 0 else LOST]
    finally:
        # QEMU makes the terminal raw and puts it back itself, unless it was killed.
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
