"""The costs of exits and of VMs stay within the committed budget."""

from __future__ import annotations

import os
from pathlib import Path

from nestling.cli_bench import KINDS, budget, cost, qemu_version, sizes

ROOT = Path(__file__).parents[3]
BUILD = ROOT / os.environ.get("BUILD", "build")


def test_exits_cost_no_more_than_the_budget() -> None:
    limits = budget(ROOT / "grader/budget.json")
    costs = {kind: cost(kind, BUILD) for kind in KINDS}
    over = {kind: value for kind, value in costs.items() if value > limits[kind]}
    assert not over, f"{over} instructions; the budget is {limits} ({qemu_version()})"


def test_vms_take_no_more_memory_than_the_budget() -> None:
    """Nothing here depends on an emulator's version: it is exact."""
    limits = budget(ROOT / "grader/budget.json")
    taken = sizes(BUILD)
    assert taken == {name: limits[name] for name in taken}
