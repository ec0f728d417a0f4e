"""cli_mutants.py: what a person types, sees, and gets as exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from minitree import make_project  # noqa: F401, the fixture "project"

from nestling import cli_mutants
from nestling.cli_mutants import main
from nestling.crew import Job
from nestling.mutation import Fate, Trial
from nestling.platforms import PLATFORMS, Probe

SURVIVES = "v->rsp = svm_helper(0);"
MISSING = f"""\
[[equivalent]]
exercise = "1.2"
track = "amd"
delete = '''
{SURVIVES}'''
why = "The stack is not used."
"""


@pytest.fixture(name="mini")
def mini_fixture(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small project, on machines that notice everything but one deletion."""
    def try_all(root: Path, jobs: Sequence[Job], workers: int, seed: int) -> Iterator[Trial]:
        assert root == project
        for wrong, runs in jobs:
            assert runs
            if wrong.text == SURVIVES and wrong.exercise.track == "amd":
                yield Trial(wrong, Fate.SURVIVED)
            elif wrong.text == "return 0;":
                yield Trial(wrong, Fate.STILLBORN)
            else:
                yield Trial(wrong, Fate.CAUGHT, "first-real on tcg: x", wrong.kind != "element")

    monkeypatch.setattr(cli_mutants, "ROOT", project)
    monkeypatch.setattr(cli_mutants, "try_all", try_all)
    for platform in PLATFORMS.values():
        monkeypatch.setattr(type(platform), "probe", lambda self: Probe(True))
    return project


def test_survivors_fail_it(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--ex", "1.2", "--track", "amd", "--json", str(mini / "out.json")]) == 1
    out = capsys.readouterr().out
    assert "1.2       amd    .        .S..-" in out
    assert f"survived 1.2 (amd)  hv/svm.c:svm_start:12  statement: {SURVIVES}\n" in out
    assert "4 of 5 caught, 4 with a hint; 0 equivalent, 1 not noticed, 1 that don't" in out
    result = json.loads((mini / "out.json").read_text())
    assert [result[key] for key in ("total", "caught", "hinted", "stillborn", "ok")] == [
        5, 4, 4, 1, False]
    assert result["survivors"] == [{"exercise": "1.2", "track": "amd", "line": 12,
                                    "func": "hv/svm.c:svm_start", "text": SURVIVES,
                                    "kind": "statement"}]
    assert result["exercises"] == [{"exercise": "1.2", "track": "amd", "total": 5, "caught": 4,
                                    "hinted": 4, "stillborn": 1}]


def test_what_is_listed_with_a_reason_is_all_right(
        mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mini / "labs/01-first/mutants/equivalent.toml").write_text(MISSING)
    assert main(["--ex", "1.2", "--track", "amd", "--json", str(mini / "out.json")]) == 0
    assert "=..-" in capsys.readouterr().out
    result = json.loads((mini / "out.json").read_text())
    assert result["equivalents"][0]["why"] == "The stack is not used."
    assert (result["survivors"], result["ok"]) == ([], True)


def test_a_stale_entry_fails_it(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = mini / "labs/01-first/mutants/equivalent.toml"
    file.write_text(MISSING + MISSING.replace(SURVIVES, "return 1;"))
    assert main(["--ex", "1.2", "--track", "amd"]) == 1
    out = capsys.readouterr().out
    assert "to be taken out of equivalent.toml:\n" in out
    assert "return 1;: hv/svm.c:svm_start has no such statement\n" in out


def test_only_the_curated_ones(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mini / "labs/01-first/mutants/equivalent.toml").write_text(MISSING)
    assert main(["--only", "curated", "--lab", "1"]) == 0
    assert "1 of 1 caught" in capsys.readouterr().out


def test_only_deletions_on_one_platform(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "deletions", "--ex", "1.2", "--on", "bochs-vmx"]) == 0
    assert "on bochs-vmx\n" in capsys.readouterr().out


def test_a_students_tree_is_refused(mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (mini / "labs/01-first/mutants").iterdir():
        file.unlink()
    (mini / "labs/01-first/mutants").rmdir()
    assert main([]) == 2
    assert "is a student's tree, which has no reference" in capsys.readouterr().err


def test_a_platform_that_is_missing(mini: Path, capsys: pytest.CaptureFixture[str],
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(PLATFORMS["bochs-svm"]), "probe",
                        lambda self: Probe(False, "no bochs"))
    assert main([]) == 2
    assert "platform bochs-svm is not available: no bochs" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--only", "some"], ["--track", "arm"], ["--lab", "x"]])
def test_wrong_words(mini: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
