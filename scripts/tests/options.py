# SPDX-License-Identifier: GPL-2.0
"""The options that check gives programs of this folder that take a kernel (fsc/cmd/check.py, Machine.flags)."""

import argparse

from fsc.vm import accel


def parser(description: str) -> argparse.ArgumentParser:
    """A parser that takes these options."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("--kdir")
    found.add_argument("--kernel")
    found.add_argument("--kver")
    found.add_argument("--accel", default="auto", choices=accel.NAMES)
    return found
