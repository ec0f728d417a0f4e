"""Solutions at hand: from a release, from a tree; and copies of a tree that assume them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from minitree import RICH, git, make_project, make_rich, write  # noqa: F401 (fixtures)

from nestling import cli_lab, labs, release, tree
from nestling.errors import UserError
from nestling.labs import Exercise
from nestling.release import ReleaseSource, TreeSource
from nestling.tree import State


def exercises_of(root: Path, *ids: str) -> list[Exercise]:
    known = labs.all_exercises(labs.load(root, check_functions=False))
    return [one for one in known if one.id in ids or not ids]


@pytest.fixture(name="starter")
def make_starter(rich: Path, tmp_path: Path) -> Path:
    tree.export(rich, tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture(name="given")
def make_given(rich: Path, starter: Path) -> Path:
    """The release, where a student puts it."""
    release.write(rich, exercises_of(rich), starter / release.PLACE)
    return starter / release.PLACE


def states(where: Path) -> list[State]:
    source = release.reference_at_hand(where)
    return [one.state for one in tree.status(where, exercises_of(where), source)]


def test_a_release_has_everything(rich: Path, starter: Path, given: Path) -> None:
    source = ReleaseSource(given)
    for exercise in exercises_of(rich):
        assert source.solution(exercise).texts == exercise.written(rich)
        tree.put_solution(starter, exercise, source.solution(exercise, starter))
    assert states(starter) == [State.REFERENCE] * 7
    for name in ("hv/svm.c", "hv/enter.S", "hv/ring.c", "guest/watch.64.c",
                 "labs/03-third/predict.txt"):
        assert (starter / name).read_text() == (rich / name).read_text()


def test_a_release_of_some_exercises(rich: Path, starter: Path) -> None:
    release.write(rich, exercises_of(rich, "1.2", "3.3"), starter / release.PLACE)
    source = ReleaseSource(starter / release.PLACE)
    assert source.solution(exercises_of(rich, "3.3")[0]).answer == RICH["labs/03-third/predict.txt"]
    with pytest.raises(UserError) as info:
        source.solution(exercises_of(rich, "2.1")[0])
    assert str(info.value) == (f"{starter}/labs/release.json: has no solution of exercise 2.1 "
                               "(common); ask for a release that has it, and put that to "
                               "labs/release.json")
    tree.put_solution(starter, *both(source, exercises_of(rich, "1.2")[0]))
    assert states(starter)[:3] == [State.REFERENCE, State.STUB, State.STUB]


def both(source: tree.Source, exercise: Exercise) -> tuple[Exercise, tree.Solution]:
    return exercise, source.solution(exercise)


def test_reference_at_hand(rich: Path, starter: Path) -> None:
    assert isinstance(release.reference_at_hand(rich), TreeSource)
    assert release.reference_at_hand(starter) is None
    (starter / release.PLACE).write_text("{}")
    with pytest.raises(UserError, match="labs/release.json: is no release of solutions: format is"):
        release.reference_at_hand(starter)


def test_helpers_come_along_where_they_are_missing(rich: Path, starter: Path, given: Path) -> None:
    exercise = exercises_of(rich, "2.1")[0]
    values = json.loads(given.read_text())
    for entry in values["exercises"]:
        if entry["id"] == "2.1":
            function, = entry["functions"]
            function["code"] = ("static int plus(int a, int b)\n{\n\treturn a + b;\n}\n\n"
                                "int sum(int a, int b) { return plus(a, b); }\n")
    given.write_text(json.dumps(values))
    source = ReleaseSource(given)
    assert [one.name for one in source.solution(exercise, starter).pieces[0].helpers] == ["plus"]
    tree.put_solution(starter, exercise, source.solution(exercise, starter))
    assert "static int plus" in (starter / "hv/core.c").read_text()
    assert source.solution(exercise, starter).pieces[0].helpers == ()


def changed(values: Any, keys: list[Any], new: Any) -> Any:
    for key in keys[:-1]:
        values = values[key]
    values[keys[-1]] = new
    return values


FIRST = ["exercises", 0, "functions", 0]


@pytest.mark.parametrize("keys, new, message", [
    (["format"], 2, "format: is 2, and this tree knows 1; `scripts/lab update` brings newer"),
    (["exercises"], {}, "exercises: must be a list of objects"),
    (["exercises", 0], "1.2", "exercises: must be a list of objects"),
    (["exercises", 0, "id"], 1.2, "id: must be a text, not 1.2"),
    (["exercises", 0, "track"], None, "track: must be a text, not None"),
    (["exercises", 0, "answer"], 7, "answer: must be a text, not 7"),
    (["exercises", 0, "functions"], None, "functions: must be a list of objects"),
    ([*FIRST, "code"], [], "code: must be a text, not []"),
    ([*FIRST, "name"], "other", "exercise 1.2 (amd) has no function hv/svm.c:svm_start"),
    ([*FIRST, "code"], "int f;", "exercise 1.2 (amd): hv/svm.c:1: there is no definition of svm_"),
    ([*FIRST, "code"], "int svm_start(void) { asm(\".include\"); }", ".include"),
])
def test_bad_releases(starter: Path, given: Path, keys: list[Any], new: Any, message: str) -> None:
    values = json.loads(given.read_text())
    changed(values, keys, new)
    given.write_text(json.dumps(values))
    with pytest.raises(UserError) as info:
        ReleaseSource(given).solution(exercises_of(starter, "1.2")[0])
    assert message in str(info.value) and str(info.value).startswith(f"{given}: ")


@pytest.mark.parametrize("text, message", [
    (b"", "is no release of solutions: Expecting value"), (b"[]", "format is missing"),
    (b"\xff", "is no release of solutions: "), (b"[" * 100000, "is no release of solutions: "),
    (None, "can't be read: Is a directory"),
])
def test_what_is_no_release(tmp_path: Path, text: bytes | None, message: str) -> None:
    file = tmp_path
    if text is not None:
        file = tmp_path / "file"
        file.write_bytes(text)
    with pytest.raises(UserError) as info:
        ReleaseSource(file)
    assert message in str(info.value)


# --- assuming solutions ---


def ages(root: Path) -> dict[str, int]:
    return {file.relative_to(root).as_posix(): file.stat().st_mtime_ns
            for file in root.rglob("*") if file.is_file()}


def test_assume(starter: Path, given: Path) -> None:
    dest = starter / "build" / "assumed"
    write(starter, {"build/.flags": "", "build/hv.elf": "", "hv/mine.c": "int mine;\n"})
    source = ReleaseSource(given)
    release.assume(starter, exercises_of(starter, "1.2", "3.3"), source, dest)
    assert states(dest) == [State.REFERENCE, State.REFERENCE] + [State.STUB] * 4 + [State.REFERENCE]
    assert states(starter) == [State.STUB] * 7
    assert os.access(dest / "scripts/lab", os.X_OK) and (dest / "hv/mine.c").exists()
    assert not (dest / "build").exists() and not (dest / ".git").exists()
    assert sorted(path.name for path in dest.parent.iterdir()) == [".flags", "assumed", "hv.elf"]

    write(dest, {"build/.flags": "", "build/hv.elf": "built\n"})
    for file in dest.rglob("*"):
        os.utime(file, ns=(1, 1))
    write(starter, {"hv/mine.c": "int yours;\n", "hv/more.c": "int more;\n"})
    (starter / "README.md").unlink()
    release.assume(starter, exercises_of(starter, "1.2", "1.10"), source, dest)
    now = ages(dest)
    assert {name for name, age in now.items() if age != 1} == {
        "hv/mine.c", "hv/more.c", "hv/enter.S", "hv/core.c", "labs/03-third/predict.txt"}
    assert "README.md" not in now and now["build/hv.elf"] == 1
    assert states(dest)[:3] == [State.REFERENCE] * 3


def test_assume_within_the_tree(starter: Path, given: Path) -> None:
    for _ in range(2):
        release.assume(starter, [], ReleaseSource(given), starter / "copy")
    assert (starter / "copy/hv/svm.c").exists() and not (starter / "copy/copy").exists()


def test_assume_takes_nothing_from_outside(starter: Path, given: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.c").write_text("")
    (starter / "hv/link.c").symlink_to(tmp_path / "secret.c")
    release.assume(starter, [], ReleaseSource(given), tmp_path / "copy")
    assert not (tmp_path / "copy/hv/link.c").exists() and (tmp_path / "copy/hv/svm.c").exists()


def test_assume_what_is_not_there(rich: Path, starter: Path, tmp_path: Path) -> None:
    release.write(rich, exercises_of(rich, "1.2"), starter / release.PLACE)
    with pytest.raises(UserError, match=r"has no solution of exercise 2.1 \(common\); ask for"):
        release.assume(starter, exercises_of(starter, "2.1"),
                       ReleaseSource(starter / release.PLACE), tmp_path / "copy")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/copy: can't be written"):
        release.assume(starter, [], TreeSource(rich), tmp_path / "file/copy")


# --- the command ---


def lab(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli_lab.main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_take_from_a_release(rich: Path, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--tree", str(starter)]
    status, _, err = lab(capsys, "take", "3.2", *where)
    assert status == 2 and "no solution of 3.2 (amd) is at hand: there is no labs/release.js" in err
    release.write(rich, exercises_of(rich), starter / release.PLACE)
    status, out, err = lab(capsys, "take", "3.2", *where)
    assert (status, err) == (0, "")
    assert out == ("exercise 3.2 (amd) is now as in labs/release.json; a reference solution earns "
                   "nothing\n")
    _, out, _ = lab(capsys, "status", *where)
    assert "3.2   amd        3  reference hv/ring.c:put hv/ring.c:get" in out
    assert git(starter, "status", "--porcelain", "hv") == " M hv/ring.c\n"
    (starter / release.PLACE).write_text("")
    status, _, err = lab(capsys, "status", *where)
    assert status == 2 and "is no release of solutions" in err and err.count("\n") == 1


def test_commands_know_predictions(rich: Path, starter: Path, capsys: pytest.CaptureFixture[str]
                                   ) -> None:
    where = ["--tree", str(starter)]
    assert lab(capsys, "take", "3.3", "--from", str(rich), *where)[0] == 0
    _, out, _ = lab(capsys, "diff", "3.3", *where)
    assert "+++ " in out and "\n-# REASON PLACE\n" in out and "\n+cpuid  again\n" in out
    assert lab(capsys, "diff", "3.3", "--from", str(rich), *where)[1] == ""
    status, _, err = lab(capsys, "reset", "3.3", *where)
    assert status == 2 and "labs/03-third/predict.txt: has changes that are not committed" in err
    assert lab(capsys, "reset", "3.3", "--force", *where)[0] == 0
    assert git(starter, "status", "--porcelain") == ""
