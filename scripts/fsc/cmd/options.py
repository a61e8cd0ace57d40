# SPDX-License-Identifier: GPL-2.0
"""Arguments that several subcommands take. ARGUMENTS of each has all of its own, by name, as argparse takes them."""

import argparse
from typing import Any

from ..vm.accel import NAMES as ACCELERATORS


def number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number")
    return int(text)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def milliseconds(text: str) -> float:
    """More than none, and no more than a day."""
    try:
        found = float(text)
    except ValueError:
        found = 0
    if not 0 < found <= 86_400_000:
        raise argparse.ArgumentTypeError(f"{text} is no number of milliseconds")
    return found


KNOWN: dict[str, dict[str, Any]] = {
    "kver": {"metavar": "SERIES", "help": "of Debian's kernel, such as kernels --list names"},
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


def of(*names: str) -> dict[str, dict[str, Any]]:
    return {f"--{name}": KNOWN[name] for name in names}
