"""`make bench`: what an exit costs, in instructions.

Under QEMU's icount one retired instruction is one tick of the TSC. guest/bench.64.c does one kind
of exit N times, then 2N times, and prints the ticks: the difference, divided by N, is the cost of
one round trip through the hypervisor, the guest's own loop included. It is the same binary that
the grader grades.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nestling.boot import VmFile, boot
from nestling.emulator import Limits, Reason
from nestling.errors import UserError
from nestling.platforms import QEMU, platform_named

ROUNDS = 1000

# Kind -> (its number in guest/bench.64.c, KVM's cost, measured the same way with KVM as the
# hypervisor: QEMU 7.2.22 TCG, Linux 6.1). A page is one that lazy memory gets when the guest first
# writes to it: zeroing its 512 words is a part of the cost, and of 4 KiB of tables each 2 MiB.
KINDS = {"cpuid": (0, "2313"), "hypercall": (1, "2455"), "rdmsr": (2, "2381"),
         "uart": (3, "1417 in the kernel, 2921 in a user-space VMM"),
         "page": (4, "not measured")}


def ticks(kind: str, rounds: int, build: Path) -> int:
    """The TSC ticks that so many exits of a kind take."""
    number = KINDS[kind][0]
    memory = "16M lazy" if kind == "page" else "2M"
    text = f'vm "bench" {{ memory {memory} kernel "bench.64.elf" args {number} {rounds} }}'
    result = boot(platform_named("tcg"), VmFile("bench.vm", text), build, limits=Limits(seconds=60))
    printed = re.search(r"ticks=0x([0-9a-f]+)", result.channels.get("A", ""))
    if result.reason is not Reason.ENDED or not printed:
        raise UserError(f"bench: {kind}: {result.detail or 'no result'}\n{result.console}")
    return int(printed[1], 16)


def cost(kind: str, build: Path) -> int:
    """Instructions for one exit of a kind, rounded to the nearest."""
    return round((ticks(kind, 2 * ROUNDS, build) - ticks(kind, ROUNDS, build)) / ROUNDS)


def budget(path: Path) -> dict[str, int]:
    """The committed limits: {"cpuid": most instructions, ...}."""
    limits: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))["tcg"]
    return limits


def qemu_version() -> str:
    """The first line of `qemu --version`, without what comes in brackets."""
    answer = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.partition("\n")[0].partition(" (")[0]


def show(costs: dict[str, int], limits: dict[str, int]) -> None:
    table = Table(title=f"Instructions for one exit ({qemu_version()}, icount)")
    for column in ("exit", "Nestling", "budget", "KVM, the same way"):
        table.add_column(column, justify="left" if column == "exit" else "right")
    for kind, value in costs.items():
        table.add_row(kind, str(value), str(limits[kind]), KINDS[kind][1])
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Count what an exit costs.")
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR",
                        help="where the hypervisor was built (default: build)")
    parser.add_argument("--budget", type=Path, default=Path("grader/budget.json"), metavar="FILE",
                        help="most instructions that are allowed (default: grader/budget.json)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    try:
        limits = budget(arguments.budget)
        costs = {kind: cost(kind, arguments.build) for kind in KINDS}
    except (UserError, OSError, ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    show(costs, limits)
    if arguments.json:
        arguments.json.write_text(json.dumps({"tcg": costs}, indent=1) + "\n", encoding="utf-8")
    over = [kind for kind, value in costs.items() if value > limits[kind]]
    for kind in over:
        print(f"bench: {kind} costs {costs[kind]} instructions, {limits[kind]} are allowed "
              f"({qemu_version()})", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
