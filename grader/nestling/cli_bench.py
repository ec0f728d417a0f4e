"""`make bench`: what an exit costs, in instructions; and what a VM takes of the host's memory.

Under QEMU's icount one retired instruction is one tick of the TSC. guest/bench.64.c does one kind
of exit N times, then 2N times, and prints the ticks: the difference, divided by N, is the cost of
one round trip through the hypervisor, the guest's own loop included. It is the same binary that
the grader grades. The sizes are what its own test of second-level tables tells.
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

from nestling.boot import Options, VmFile, boot
from nestling.emulator import Limits, Reason
from nestling.errors import UserError
from nestling.platforms import QEMU, platform_named

ROUNDS = 1000

# Kind -> (its number in guest/bench.64.c, KVM's cost, measured the same way with KVM as the
# hypervisor: QEMU 7.2.22 TCG, Linux 6.1). A page is one that lazy memory gets when the guest first
# writes to it: zeroing its 512 words is a part of the cost, and of 4 KiB of tables each 2 MiB.
KINDS = {"cpuid": (0, "2313"), "hypercall": (1, "2455"), "rdmsr": (2, "2381"),
         "uart": (3, "1417 in the kernel, 2921 in a user-space VMM"),
         "page": (4, "not measured"),
         "mmio_read": (5, "5245 in a user-space VMM"), "mmio_write": (6, "not measured")}

# Size -> (what it is of, its unit, where `selftest=p2m` tells it). An idle VM has one vCPU that has
# not run yet, and 64 MiB; where its memory is fixed, that is not counted.
SIZES = {"tables_4k": ("tables of 1 GiB in 4 KiB pages", "bytes", r" 1 GiB: 4K=(\d+)"),
         "tables_2m": ("tables of 1 GiB in 2 MiB pages", "bytes", r" 2M=(\d+)"),
         "idle_lazy": ("an idle VM, lazy memory", "pages", r" idle VM: lazy=(\d+)"),
         "idle_flat": ("an idle VM, fixed memory", "pages", r" flat=(\d+)")}


def ticks(kind: str, rounds: int, build: Path) -> int:
    """The TSC ticks that so many exits of a kind take."""
    number = KINDS[kind][0]
    memory = "16M lazy" if kind == "page" else "2M"
    text = (f'vm "bench" {{ memory {memory} kernel "bench.64.elf" args {number} {rounds} '
            'devices { serial pic exit probe } }')
    result = boot(platform_named("tcg"), VmFile("bench.vm", text), build, limits=Limits(seconds=60))
    printed = re.search(r"ticks=0x([0-9a-f]+)", result.channels.get("A", ""))
    if result.reason is not Reason.ENDED or not printed:
        raise UserError(f"bench: {kind}: {result.detail or 'no result'}\n{result.console}")
    return int(printed[1], 16)


def cost(kind: str, build: Path) -> int:
    """Instructions for one exit of a kind, rounded to the nearest."""
    return round((ticks(kind, 2 * ROUNDS, build) - ticks(kind, ROUNDS, build)) / ROUNDS)


def sizes(build: Path) -> dict[str, int]:
    """What VMs take of the host's memory, each in its unit."""
    text = 'vm "bench" { memory 2M kernel "hello.64.elf" }'
    result = boot(platform_named("tcg"), VmFile("bench.vm", text), build,
                  options=Options("selftest=p2m"), limits=Limits(seconds=60))
    found = {name: re.search(f"^selftest p2m .*{where}", result.console, re.MULTILINE)
             for name, (_, _, where) in SIZES.items()}
    told = {name: int(match[1]) for name, match in found.items() if match}
    if result.reason is not Reason.ENDED or len(told) < len(SIZES):
        raise UserError(f"bench: sizes: {result.detail or 'no result'}\n{result.console}")
    return told


def budget(path: Path) -> dict[str, int]:
    """The committed limits: {"cpuid": most instructions, ..., "tables_4k": most bytes, ...}."""
    limits: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))["tcg"]
    return limits


def qemu_version() -> str:
    """The first line of `qemu --version`, without what comes in brackets."""
    answer = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.partition("\n")[0].partition(" (")[0]


def unit(name: str) -> str:
    return SIZES[name][1] if name in SIZES else "instructions"


def show(costs: dict[str, int], limits: dict[str, int]) -> None:
    """A table for what is counted in instructions, and one for sizes."""
    table = Table(title=f"Instructions for one exit ({qemu_version()}, icount)")
    for column in ("exit", "Nestling", "budget", "KVM, the same way"):
        table.add_column(column, justify="left" if column == "exit" else "right")
    for kind, (_, kvm) in KINDS.items():
        table.add_row(kind, str(costs[kind]), str(limits[kind]), kvm)
    memory = Table(title="Memory of the host (pages: 4 KiB)")
    for column in ("of", "Nestling", "budget", "unit"):
        memory.add_column(column, justify="left" if column in ("of", "unit") else "right")
    for name, (what, _, _) in SIZES.items():
        memory.add_row(what, f"{costs[name]:,}", f"{limits[name]:,}", unit(name))
    console = Console()
    console.print(table)
    console.print(memory)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Count what exits and VMs cost.")
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR",
                        help="where the hypervisor was built (default: build)")
    parser.add_argument("--budget", type=Path, default=Path("grader/budget.json"), metavar="FILE",
                        help="the most that is allowed (default: grader/budget.json)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    try:
        limits = budget(arguments.budget)
        costs = {kind: cost(kind, arguments.build) for kind in KINDS} | sizes(arguments.build)
    except (UserError, OSError, ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    show(costs, limits)
    if arguments.json:
        arguments.json.write_text(json.dumps({"tcg": costs}, indent=1) + "\n", encoding="utf-8")
    over = [kind for kind, value in costs.items() if value > limits[kind]]
    for kind in over:
        print(f"bench: {kind} costs {costs[kind]} {unit(kind)}, {limits[kind]} are allowed "
              f"({qemu_version()})", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
