# SPDX-License-Identifier: GPL-2.0
"""Arguments that several subcommands take."""

import argparse
from typing import Any

from ..vm.accel import NAMES as ACCELERATORS


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


KNOWN: dict[str, dict[str, Any]] = {
    "kver": {"metavar": "SERIES", "help": "of Debian's kernel, such as kernels --list names; bench compares several, with commas between"},
    "kdir": {"help": "your own built kernel tree to build the module in"},
    "kernel": {"help": "bzImage to boot (default: the one in KDIR)"},
    "accel": {"default": "auto", "choices": ACCELERATORS},
    "vcpus": {"type": positive, "default": 2, "metavar": "N"},
    "memory": {"type": positive, "default": 2048, "metavar": "MB"},
    "params": {"default": "", "help": "of the module: 'name=value ...'"},
    "repetitions": {"type": positive, "metavar": "N", "help": "boots (default: the suite's)"},
    "out": {"metavar": "DIR", "help": "where results go (default: results/...)"},
    "host": {"action": "store_true", "help": "run here, not in a virtual machine"},
    "yes": {"action": "store_true", "help": "do not ask before --host"},
    "only": {"action": "append", "default": [], "metavar": "GROUP", "help": "only this group of tests; may be given again"},
}
# What is booted.
MACHINE = ("kver", "kdir", "kernel", "accel", "vcpus", "memory")


def add(command: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        command.add_argument(f"--{name}", **KNOWN[name])
