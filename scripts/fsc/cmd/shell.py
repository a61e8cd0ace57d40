# SPDX-License-Identifier: GPL-2.0
"""shell: a shell in a virtual machine with the module loaded.

With --trace its root is this machine's, which has tracing tools; with --gdb it waits for gdb.
"""

import argparse
import mmap
import shutil
import sys
import termios
from pathlib import Path
from shlex import quote

from .. import repo
from ..perf import traced
from ..verdict import EXIT_STATUS, LOST, PASS, SetupError
from ..vm import accel, kernel, vm
from ..vm.kernel import Kernel
from ..vm.rootfs import HostRoot, Initramfs
from . import kernels, options

ARGUMENTS = options.of(*options.MACHINE, "params") | {
    "--trace": {"action": "store_true", "help": "with this machine's programs, read-only"},
    "--gdb": {"type": options.positive, "metavar": "PORT", "help": "gdb may connect at this port"}}
# On a terminal nobody reads the status port, so the lines for gdb go to the terminal as well.
_JOB = """
stty -F {tty} rows {rows} cols {columns}
insmod {ko} autorun=0 {params} || exit
cat <<'END' >{tty}

{ko} is loaded and idle. Start a run, then read what it found:
  cd /sys/kernel/debug/folioscale
  echo start > control; cat state; cat counters
Its parameters are in /sys/module/folioscale/parameters and can be changed between runs.
Or: rmmod folioscale; insmod {ko} protocol=typesafe nr_readers=2 duration_ms=2000
{end} ends the machine.
{more}
END
{gdb}
"""

_TRACE = """
All of this machine's programs are here, its files read-only; write to /tmp. Try:
  bpftrace -l 'tracepoint:folioscale:*'
  trace-cmd record -e folioscale sh -c 'echo start >/sys/kernel/debug/folioscale/control; sleep 9'
  perf list 'folioscale:*'
Symbols and lines of the module: {ko}
Its sources: {sources}
"""

# insmod puts the sections at other addresses in every boot. objcopy writes these into a copy:
# with -s of add-symbol-file alone, gdb 13 looks for the module's static data in .text.
_GDB = """
at=/sys/module/folioscale/sections
sections="" moves=""
for name in .text .text.unlikely .rodata .data .data..read_mostly .bss; do
	[ -e $at/$name ] || continue
	where=$(cat $at/$name)
	[ $name = .text ] && text=$where || sections="$sections -s $name $where"
	moves="$moves --change-section-address $name=$where"
done
cat >/tmp/gdb <<END
shell objcopy$moves {ko} {copy}
{vmlinux}
add-symbol-file {copy} $text$sections
target remote 127.0.0.1:{port}
END
cat /tmp/gdb >{tty}
emit gdb /tmp/gdb
"""


def vmlinux(where: Kernel) -> str:
    """The line that loads the kernel's symbols, or a comment that says how to get them."""
    for file in (Path(f"/usr/lib/debug/boot/vmlinux-{where.release}"), where.build / "vmlinux"):
        if file.is_file() and _has_symbols(file):
            return f"file {file}"
    if where.name == where.release:
        return f"# no symbols of the kernel: build {where.build} with CONFIG_DEBUG_INFO"
    return f"# no symbols of the kernel: apt-get install linux-image-{where.release}-dbg"


def _has_symbols(file: Path) -> bool:
    """Debian's headers have a vmlinux, too, but with BTF only."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.rfind(b"\0.debug_info\0") >= 0


def _spec(args: argparse.Namespace) -> vm.BootSpec:
    if args.gdb and args.trace:
        raise SetupError("gdb with TRACE=1: allowed: one of them; whoever connects to the stub would have all files of "
                         "this machine to read")
    machine, how = kernels.chosen(args)
    built = kernel.build_module(machine) / "folioscale.ko"
    if args.trace:
        how = accel.traced(how)
    # The path in the guest.
    ko = built if args.trace else Path("/folioscale.ko")
    more = _TRACE.format(ko=ko, sources=repo.ROOT / "module") if args.trace else ""
    outdir = repo.BUILD / "vm/shell"
    gdb = ""
    # Without QEMU there is no monitor that Ctrl-A would reach.
    tty, end = ("/dev/tty0", "exit") if machine.um else ("/dev/ttyS0", "exit, or Ctrl-A X,")
    if args.gdb:
        gdb = _GDB.format(ko=built, copy=outdir / "folioscale.ko", vmlinux=vmlinux(machine), port=args.gdb, tty=tty)
    columns, rows = shutil.get_terminal_size()
    job = _JOB.format(tty=tty, end=end, rows=rows, columns=columns, params=traced.words(args.params), ko=quote(str(ko)),
                      more=more, gdb=gdb)
    return vm.BootSpec(
        kernel=machine, accel=how, timeout_s=0, job=job, files={"folioscale.ko": built},
        root=HostRoot() if args.trace else Initramfs(),
        vcpus=how.max_vcpus or args.vcpus, memory_mb=args.memory, outdir=outdir,
        # loglevel: keep the kernel's messages off the terminal. nokaslr: gdb takes the kernel's
        # addresses from its file.
        cmdline=["loglevel=4", *(["nokaslr"] if args.gdb else [])],
        qemu=("-gdb", f"tcp:127.0.0.1:{args.gdb}") if args.gdb else ())


def _interactive(spec: vm.BootSpec, shell: str) -> int:
    spec.job += f"setsid cttyhack {shell}\n"
    before = termios.tcgetattr(sys.stdin)
    try:
        with vm.prepare(spec, terminal=True).run() as process:
            return EXIT_STATUS[LOST if process.wait() else PASS]
    finally:
        # QEMU makes the terminal raw. It restores the terminal itself, unless it was killed.
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _for_gdb_alone(spec: vm.BootSpec) -> int:
    """Without a terminal: print the commands for gdb, and run until this process is ended."""
    spec.job += "while :; do sleep 1000; done\n"
    spec.timeout_s = 24 * 3600.0
    spec.on_blob = lambda name, data: print(data.decode(), end="", flush=True)
    boot = vm.boot(spec)
    print(f"{boot.state}: {boot.reason}")
    return EXIT_STATUS[boot.state]


def main(args: argparse.Namespace) -> int:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not terminal and not args.gdb:
        raise SetupError("make shell wants a terminal")
    spec = _spec(args)
    return _interactive(spec, "bash" if args.trace else "sh") if terminal else _for_gdb_alone(spec)
