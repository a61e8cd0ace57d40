# SPDX-License-Identifier: GPL-2.0
"""What check gives a program of this folder that takes a kernel (fsc/check.py, Machine.flags)."""

import argparse

from fsc import accel


def parser(description: str) -> argparse.ArgumentParser:
    """One that takes the flags."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("--kdir")
    found.add_argument("--kernel")
    found.add_argument("--kver")
    found.add_argument("--accel", default="auto", choices=accel.NAMES)
    return found
