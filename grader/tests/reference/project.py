"""The project itself, for the tests of its labs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nestling import labs, scenario
from nestling.labs import Exercise
from nestling.mutation import PLATFORMS as ALL
from nestling.plan import Choice, choose
from nestling.platforms import PLATFORMS

ROOT = Path(__file__).resolve().parents[3]
LABS = labs.load(ROOT, check_functions=False)  # what does not fit, the tests can't build
SCENARIOS = scenario.load(ROOT)
EXERCISES = labs.all_exercises(LABS)
QUICK = {"amd": "tcg", "intel": "bochs-vmx"}  # a track's platform for what is the same on all

emulators = pytest.mark.skipif(not all(PLATFORMS[key].probe().ok for key in ALL),
                               reason="an emulator is missing")


def choice_of(track: str, *on: str) -> Choice:
    """Everything on one track ("" for both), on these platforms."""
    return choose(LABS, track, on, factories=SCENARIOS)


def find(ident: str, track: str) -> Exercise:
    return next(exercise for exercise in EXERCISES
                if (exercise.id, exercise.track) == (ident, track))
