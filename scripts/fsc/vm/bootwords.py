# SPDX-License-Identifier: GPL-2.0
"""Check that the words that a boot adds to the kernel's command line took effect."""

import re
from typing import Any

from ..verdict import SetupError

# What the guest reports about a word: guest/point.sh, took().
_TOOK = re.compile(r"^took\.([^=\n]+)=(.*)$", re.M)
_SWITCH = {"y": 1, "n": 0}


def _cpus(value: str, number: int) -> set[int]:
    """The CPUs of a kernel CPU list, limited to those below @number. Strides and N are not supported."""
    if value == "all":
        return {*range(number)}
    parts = filter(None, (re.fullmatch(r"(\d+)(?:-(\d+))?", part) for part in value.split(",")))
    return {cpu for part in parts for cpu in range(int(part[1]), min(int(part[2] or part[1]) + 1, number))}


def number(text: str) -> int | None:
    """A parameter's value if it is a number or a switch, else None."""
    try:
        return _SWITCH[text.lower()] if text.lower() in _SWITCH else int(text, 0)
    except ValueError:
        return None


def _wrong(word: str, took: dict[str, str], kernel: dict[str, Any]) -> str:
    """Why @word did not take effect; empty if it did, or if nothing tells."""
    name, _, value = word.partition("=")
    if name == "preempt":
        # The module reports the kernel's preemption model: full or, with PREEMPT_RT, rt full. If the model can be chosen
        # at boot, took has the kernel's list of models, such as: none (voluntary) full.
        model, allowed = kernel["preempt"].split()[-1], " ".join(re.findall(r"[a-z]+", took.get(name, "")))
        return "" if model == value else f"the kernel's model is {model}" + (f": allowed: {allowed}" if allowed else "")
    if name == "rcu_nocbs":
        # Every offloaded CPU has a kthread for its callbacks.
        missing = _cpus(value, kernel["nr_cpus"]) - {int(cpu) for cpu in took.get(name, "").split()}
        return (f"callbacks of CPU {', '.join(map(str, sorted(missing)))} are not offloaded: allowed: a kernel with CONFIG_RCU_NOCB_CPU"
                if missing else "")
    if word in took.get("unknown", "").split():
        return "the kernel does not know it"
    # Any other word is looked up among the parameters of built-in modules.
    asked, found = number(value), number(took.get(name, ""))
    return f"it is {took[name]}" if asked is not None and found is not None and asked != found else ""


def check(cmdline: str, machine: str, config: dict[str, Any]) -> None:
    """Raise SetupError with the words of @cmdline that did not take effect; the guest sent @machine and @config."""
    took = dict(_TOOK.findall(machine))
    wrong = [f"{word} did not take: {why}" for word in cmdline.split() if (why := _wrong(word, took, config["kernel"]))]
    if wrong:
        raise SetupError("; ".join(wrong))
