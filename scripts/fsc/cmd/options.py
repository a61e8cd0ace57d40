# SPDX-License-Identifier: GPL-2.0
"""Arguments that several subcommands take."""

import argparse

from ..vm.accel import NAMES as ACCELERATORS


def series(command: argparse.ArgumentParser, more: str = "") -> None:
    command.add_argument("--kver", metavar="SERIES", help=f"of Debian's kernel, such as kernels --list names{more}")


def tree(command: argparse.ArgumentParser, more: str = "") -> None:
    """What the module is built for."""
    series(command, more)
    command.add_argument("--kdir", help="your own built kernel tree to build the module in")


def accelerator(command: argparse.ArgumentParser) -> None:
    command.add_argument("--accel", default="auto", choices=ACCELERATORS)


def machine(command: argparse.ArgumentParser, series: str = "") -> None:  # pylint: disable=redefined-outer-name
    """What is booted."""
    tree(command, series)
    command.add_argument("--kernel", help="bzImage to boot (default: the one in KDIR)")
    accelerator(command)
    command.add_argument("--vcpus", type=positive, default=2, metavar="N")
    command.add_argument("--memory", type=positive, default=2048, metavar="MB")


def params(command: argparse.ArgumentParser) -> None:
    command.add_argument("--params", default="", help="of the module: 'name=value ...'")


def repetitions(command: argparse.ArgumentParser) -> None:
    command.add_argument("--repetitions", type=positive, metavar="N", help="boots (default: the suite's)")


def out(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", metavar="DIR", help="where results go (default: results/...)")


def on_host(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", action="store_true", help="run here, not in a virtual machine")
    command.add_argument("--yes", action="store_true", help="do not ask before --host")


def only(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", action="append", default=[], metavar="GROUP",
                         help="only this group of tests; may be given again")


def positive(text: str) -> int:
    """A type of argparse's."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)
