# SPDX-License-Identifier: GPL-2.0
"""What the command lines of scripts/perf share."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..cmd.options import positive
from ..verdict import EXIT_SETUP, SetupError
from . import recording
from .recording import Recording


def parser(text: str) -> argparse.ArgumentParser:
    """A parser of NAME=VALUE words whose help is @text, the script's docstring."""
    found = argparse.ArgumentParser(description=text, usage=argparse.SUPPRESS,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("params", nargs="*", metavar="NAME=VALUE", help="of the module")
    return found


def add_recording(command: argparse.ArgumentParser) -> None:
    """The flags that say how to record."""
    command.add_argument("--event", default="", help="for perf record -e (default: cycles; cpu-clock without a PMU)")
    command.add_argument("--period-us", type=positive, default=250, metavar="N", help="a sample each N us (250)")


def add_reading(command: argparse.ArgumentParser) -> None:
    """The flags that say what to read, or how to record it now."""
    command.add_argument("--dir", type=Path, help="read what record has put there; make no run")
    command.add_argument("--ko", type=Path, help="the module that was loaded (default: folioscale.ko in DIR)")
    add_recording(command)


def empty_folder(wanted: Path | None) -> Path:
    """The wanted folder, or a new one; nothing in it is overwritten."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="folioscale-perf-"))
    wanted.mkdir(parents=True, exist_ok=True)
    if any(path.suffix != ".ko" for path in wanted.iterdir()):
        raise SetupError(f"{wanted} has something in it already: allowed: an empty folder, or none")
    return wanted


@contextmanager
def read(args: argparse.Namespace) -> Iterator[Recording]:
    """The recording in --dir or, without it, a new one that is removed afterwards."""
    if args.dir:
        if args.params:
            raise SetupError(f"{args.params[0]}: allowed without --dir: what is recorded already has its parameters")
        yield recording.load(args.dir, args.ko)
        return
    if not args.ko:
        raise SetupError("--ko is wanted, the module that is loaded; or --dir, a recording")
    with tempfile.TemporaryDirectory(prefix="folioscale-perf-") as folder:
        recording.record(Path(folder), args.params, args.event, args.period_us)
        yield recording.load(Path(folder), args.ko)


def run(command: argparse.ArgumentParser, do: Callable[[argparse.Namespace], None]) -> int:
    """Parse the arguments, call @do, and return the exit status; an error is one line."""
    args = command.parse_args()
    # The output of perf and readelf is parsed, and other languages have other numbers and words.
    os.environ["LC_ALL"] = "C"
    # Exit through the finally clauses, which end perf and the run.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        do(args)
    except (SetupError, OSError) as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return EXIT_SETUP
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0
