"""The starter of this very project: what students read offers nothing that they don't have."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from nestling import build, labs, tree
from nestling.build import Built, Site
from nestling.tree import State

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", name="starter")
def make_starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("starter") / "tree"
    tree.export(ROOT, path)
    return path


def test_everything_is_still_to_do(starter: Path) -> None:
    found = tree.status(starter, labs.all_exercises(labs.load(starter)))
    assert found and {one.state for one in found} == {State.STUB}


def test_clang_builds_it_without_a_warning(starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As gcc does in test_grader.py. Together the stubs leave helpers unused; clang sees more."""
    monkeypatch.setenv("CC", "clang")
    monkeypatch.setenv("UBSAN", "0")  # does not matter here, and is quicker
    site = Site(starter, "build/clang")
    sources = [Path(func.path) for exercise in labs.all_exercises(labs.load(starter, False))
               for func in exercise.funcs]
    goals = {f"{site.build}/{source}.o" if source.parts[0] == "hv" else
             f"{site.build}/{source.with_suffix('.elf')}" for source in sources}
    assert build.make(site, 1, goals) == Built()


def test_the_texts_offer_what_is_there(starter: Path) -> None:
    for file in starter.rglob("*.md"):
        text = file.read_text()
        assert not re.search("make (start|handout)|lab (start|handout)|project only|mutants/", text)
        for target in re.findall(r"\]\(([^):#]+)\)", text):
            assert (file.parent / target).exists(), (file, target)


def test_make_help_offers_what_is_there(starter: Path) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    offers = [subprocess.run(["make", "-s", "help"], cwd=where, env=env, check=True,
                             capture_output=True, text=True).stdout for where in (ROOT, starter)]
    for word in ("start", "handout"):
        assert f"make {word} " in offers[0] and f"make {word} " not in offers[1]
    assert "make grade " in offers[1]
