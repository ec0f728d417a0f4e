"""Settings for all tests."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

ROOT = Path(__file__).parents[2]

# What Hypothesis finds goes into the build directory. A busy computer is no failure; and CI tries
# the same examples each time.
set_hypothesis_home_dir(str(ROOT / os.environ.get("BUILD", "build") / "hypothesis"))
settings.register_profile("nestling", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("nestling")
