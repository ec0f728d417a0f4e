"""The cost of an exit stays within the committed budget."""

from __future__ import annotations

import os
from pathlib import Path

from nestling.cli_bench import KINDS, budget, cost, qemu_version

ROOT = Path(__file__).parents[3]


def test_exits_cost_no_more_than_the_budget() -> None:
    build = ROOT / os.environ.get("BUILD", "build")
    limits = budget(ROOT / "grader/budget.json")
    costs = {kind: cost(kind, build) for kind in KINDS}
    over = {kind: value for kind, value in costs.items() if value > limits[kind]}
    assert not over, f"{over} instructions; the budget is {limits} ({qemu_version()})"
