"""Settings for all tests."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from nestling import labs, tree

ROOT = Path(__file__).parents[2]
WHOLE = ("hv", "bench")  # folders of tests that boot the hypervisor of this tree

# What Hypothesis finds goes into the build directory. A busy computer is no failure; and CI tries
# the same examples each time.
set_hypothesis_home_dir(str(ROOT / os.environ.get("BUILD", "build") / "hypothesis"))
settings.register_profile("nestling", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("nestling")


@functools.cache
def to_do(track: str) -> str:
    """The first exercise of a track that is a stub in this tree; "" in the project itself."""
    exercises = labs.all_exercises(labs.load(ROOT, check_functions=False), track)
    return next((str(status.exercise) for status in tree.status(ROOT, exercises)
                 if status.state is tree.State.STUB), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, or one worker would be left with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_order.py")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """In a student's tree, what needs the whole hypervisor waits for the exercises."""
    if item.path.parent.name in WHOLE:
        exercise = to_do("intel" if "vmx" in item.name else "amd")
        if exercise:
            pytest.skip(f"exercise {exercise} is not done yet")
