"""
fuzz: Tries the splice's properties (grader/tests/splice_properties.py) on more inputs than a test
      does, with Hypothesis. Options and figures are libFuzzer's, as far as they make sense.
covers: nestling/splice.py nestling/outline.py nestling/clex.py nestling/rules.py
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "grader"), str(ROOT / "grader/tests")]

from splice_properties import PROPERTIES  # noqa: E402

EXAMPLES = 25  # in a turn
STATUS_BROKEN = 77  # libFuzzer's


@dataclass(frozen=True)
class Turn:
    """Some examples of one property, which the seed decides on. What breaks it is saved as JSON."""

    property: str
    seed: int
    examples: int = EXAMPLES

    def take(self) -> int:
        """Try them; how many they were. Raises whatever the property does."""
        one, count = PROPERTIES[self.property], 0

        def check(values: tuple[object, ...]) -> None:
            nonlocal count
            count += 1
            one.check(*values)

        options = settings(deadline=None, max_examples=self.examples, database=None,
                           suppress_health_check=list(HealthCheck))
        seed(self.seed)(options(given(st.tuples(*one.inputs))(check)))()
        return count


def main() -> int:
    """Take turns until time or runs are used up; the exit status."""
    words = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    words.add_argument("-runs", type=int, default=0)
    words.add_argument("-max_total_time", type=float, default=0)
    words.add_argument("-seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("-artifact_prefix", default="./")
    words.add_argument("files", nargs="*", type=Path, help="what was saved when something broke")
    options, _ = words.parse_known_args()
    set_hypothesis_home_dir(str(ROOT / os.environ.get("BUILD", "build") / "hypothesis"))

    count, end = 0, time.monotonic() + options.max_total_time
    for turn in turns(options.files, options.seed):
        try:
            count += turn.take()
        except Exception:  # whatever it is, it is what we look for
            traceback.print_exc(file=sys.stdout)
            name = save(turn, options.artifact_prefix)
            print(f"Test unit written to {name}")
            figures(count)
            return STATUS_BROKEN
        print(f"#{count} pulse", flush=True)
        if 0 < options.runs <= count or 0 < options.max_total_time and time.monotonic() >= end:
            break
    figures(count)
    return 0


def turns(files: Sequence[Path], number: int) -> Iterator[Turn]:
    """Those that are saved in these files and folders, and, unless it's one file, more."""
    for file in files:
        for one in sorted(file.iterdir()) if file.is_dir() else [file]:
            yield Turn(**json.loads(one.read_text(encoding="utf-8")))
    while not any(file.is_file() for file in files):
        for name in PROPERTIES:
            yield Turn(name, number)
        number += 1


def save(turn: Turn, prefix: str) -> str:
    """Keep a turn that broke something; the name of the file."""
    file = Path(f"{prefix}crash-{turn.property}-{turn.seed}")
    file.write_text(json.dumps(asdict(turn)) + "\n", encoding="utf-8")
    return str(file)


def figures(count: int) -> None:
    """As libFuzzer prints them."""
    print(f"stat::number_of_executed_units: {count}")


if __name__ == "__main__":
    sys.exit(main())
