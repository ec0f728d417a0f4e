"""The labs' known mistakes: each is caught, with the hint that it should bring up.

Here the first run that fails counts. `make mutants` makes all of them, on every platform, and tries
all deletions of single statements as well.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from reference.project import ALL, LABS, QUICK, ROOT, choice_of, emulators

from nestling.labs import Lab, Mutant
from nestling.mutation import Fate, of_mutant, runs_of, try_out
from nestling.workshop import Workshop

MUTANTS = [mutant for lab in LABS for mutant in lab.mutants]
OF_A_LAB = 8  # at least so many on each track


@emulators
@pytest.mark.parametrize("mutant", MUTANTS,
                         ids=lambda mutant: f"{mutant.exercise}-{mutant.track}-{mutant.name}")
def test_a_mutant_is_caught_with_its_hint(built: Workshop, mutant: Mutant) -> None:
    wrong = of_mutant(ROOT, mutant, LABS)
    runs = runs_of(choice_of("", *ALL), wrong.exercise)
    trial = try_out(built, wrong, runs, quick=True)
    assert trial.fate is Fate.CAUGHT, trial.note


@emulators
def test_the_command_tries_them_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "mutants.json"
    done = subprocess.run([ROOT / "scripts" / "mutants", "--ex", "1.4", "--only", "curated", "--on",
                           "tcg", "--jobs", "2", "--json", file],
                          capture_output=True, text=True, check=False)
    result = json.loads(file.read_text())
    count = sum((mutant.exercise, mutant.track) == ("1.4", "amd") for mutant in MUTANTS)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{count} of {count} caught, {count} with a hint" in done.stdout
    assert (result["total"], result["hinted"], result["ok"]) == (count, count, True)


def test_a_hint_is_tried_with_two_mistakes() -> None:
    """The second is another way to make the mistake, so that the hint fits more than one."""
    counts = Counter((mutant.exercise, mutant.track, hint) for mutant in MUTANTS
                     for hint in mutant.hint.split())
    single = [f"{ident} ({track}) {hint}" for (ident, track, hint), count in sorted(counts.items())
              if count < 2]
    assert not single, f"these hints have one mutant; write another: {', '.join(single)}"


@pytest.mark.parametrize("track", QUICK)
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: f"lab-{lab.number}")
def test_a_lab_has_enough_mutants(lab: Lab, track: str) -> None:
    count = sum(mutant.track in (track, "common") for mutant in lab.mutants)
    assert count >= OF_A_LAB, (f"{lab.path}/mutants has {count} mutants for {track}; "
                               f"write {OF_A_LAB - count} more")
