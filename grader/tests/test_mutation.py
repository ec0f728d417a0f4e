"""mutation.py and crew.py: what becomes of wrong bodies, and what is said to be equivalent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import exercises as made
import pytest

from nestling.build import Built
from nestling.crew import Queue, try_all
from nestling.errors import UserError
from nestling.labs import Exercise, Func
from nestling.mutation import (CURATED, Equivalent, Fate, Trial, Wrong, judge, load_equivalents,
                               try_out)
from nestling.plan import Run
from nestling.splice import Piece
from nestling.verdict import Finding, Status, Verdict
from nestling.workshop import Workshop

EXERCISE = made.exercise("1.4", hints=(made.hint("rip", "rip: "), made.hint("rax", "rax: ")))
FUNC = EXERCISE.funcs[0]
RUNS = [Run("one", "tcg"), Run("two", "tcg"), Run("one", "bochs-svm")]

PASSED = Verdict(Status.PASSED, seconds=1)
RIP = Verdict(Status.FAILED, (Finding("rip", "0x0"),), seconds=1)
RAX = Verdict(Status.FAILED, (Finding("rax", "0x0"),), seconds=1)
OTHER = Verdict(Status.FAILED, (Finding("rbx", "0x0"),), seconds=1)
ERROR = Verdict(Status.ERROR, reason="Bochs gave up")


def wrong(text: str = "a = 1;", line: int = 7, kind: str = "statement", hint: str = "",
          func: Func = FUNC) -> Wrong:
    return Wrong(EXERCISE, func, kind, text, line, Piece(func.name, func.path, 1, (), "{ }"), hint)


CURATED_RIP = wrong("no-rip", 0, CURATED, "rip")


class FakeWorkshop:
    """Has the verdicts ready."""

    def __init__(self, built: Built, *verdicts: Verdict) -> None:
        self.built = built
        self.verdicts = dict(zip(RUNS, verdicts))
        self.made: list[Run] = []

    def arrange(self, pieces: Iterable[tuple[Exercise, Piece]]) -> Built:
        return self.built

    def verdict(self, run: Run, seed: int) -> Verdict:
        self.made.append(run)
        return self.verdicts[run]


def tried(one: Wrong, *verdicts: Verdict, built: Built = Built()) -> tuple[Trial, int]:
    """What came of it, and after how many runs."""
    workshop = FakeWorkshop(built, *verdicts)
    return try_out(cast(Workshop, workshop), one, RUNS), len(workshop.made)


@pytest.mark.parametrize(("one", "verdicts", "fate", "hinted", "count"), [
    (wrong(), (PASSED, PASSED, PASSED), Fate.SURVIVED, False, 3),
    (wrong(), (PASSED, RAX, PASSED), Fate.CAUGHT, True, 2),
    (wrong(), (OTHER, PASSED, PASSED), Fate.CAUGHT, False, 1),
    (wrong(), (ERROR, RAX, PASSED), Fate.CAUGHT, True, 2),
    (wrong(), (PASSED, ERROR, PASSED), Fate.ERROR, False, 3),
    (CURATED_RIP, (PASSED, RIP, PASSED), Fate.CAUGHT, True, 3),
    (CURATED_RIP, (RIP, RIP, RAX), Fate.MISLED, True, 3),
    (CURATED_RIP, (RIP, OTHER, PASSED), Fate.MISLED, False, 3),
    (CURATED_RIP, (RIP, ERROR, PASSED), Fate.ERROR, False, 3),
    (CURATED_RIP, (PASSED, PASSED, PASSED), Fate.SURVIVED, False, 3),
])
def test_the_fate_of(one: Wrong, verdicts: tuple[Verdict, ...], fate: Fate, hinted: bool,
                     count: int) -> None:
    trial, runs = tried(one, *verdicts)
    assert (trial.fate, trial.hinted, runs) == (fate, hinted, count)


def test_a_note_names_the_run_that_tells() -> None:
    assert tried(wrong(), PASSED, RIP)[0].note == "two on tcg: rip: 0x0"
    assert tried(CURATED_RIP, RIP, PASSED, RAX)[0].note == (
        "one on bochs-svm: hint rax, rax: 0x0")


def test_what_does_not_compile() -> None:
    broken = Built(("hv/a.c:7: error: no",))
    trial, runs = tried(wrong(), built=broken)
    assert (trial.fate, trial.note, runs) == (Fate.STILLBORN, "hv/a.c:7: error: no", 0)
    assert tried(CURATED_RIP, built=broken)[0].fate is Fate.ERROR


def entry(delete: str, which: int = 0) -> Equivalent:
    return Equivalent("labs/01-x/mutants/equivalent.toml", EXERCISE, FUNC, delete, which, "why")


SURVIVOR, CAUGHT = Trial(wrong(), Fate.SURVIVED), Trial(wrong("a  = 1;", 9), Fate.CAUGHT, "one")


def test_survivors_are_excused_by_what_is_listed() -> None:
    judged = judge([SURVIVOR], [entry("a /* */ =\n1;")])
    assert (judged.survivors, judged.stale) == ((), ())
    assert judged.equivalents == ((SURVIVOR, entry("a /* */ =\n1;")),)


def test_survivors_that_are_not_listed() -> None:
    assert judge([SURVIVOR, CAUGHT], []).survivors == (SURVIVOR,)


def test_an_entry_for_no_statement_is_stale() -> None:
    judged = judge([SURVIVOR], [entry("b = 1;")])
    assert judged.survivors == (SURVIVOR,)
    assert [note for _, note in judged.stale] == ["hv/a.c:f has no such statement"]


def test_an_entry_for_what_is_caught_is_stale() -> None:
    judged = judge([SURVIVOR, CAUGHT], [entry("a = 1;")])
    assert judged.survivors == ()
    assert [note for _, note in judged.stale] == ["hv/a.c:f:9: caught: one"]


def test_an_entry_may_mean_one_of_several_alike() -> None:
    assert judge([CAUGHT, SURVIVOR], [entry("a = 1;", 1)]).stale == ()
    assert len(judge([CAUGHT, SURVIVOR], [entry("a = 1;", 2)]).stale) == 1
    assert len(judge([CAUGHT, SURVIVOR], [entry("a = 1;", 3)]).stale) == 1


def test_a_curated_one_can_not_be_excused() -> None:
    trial = Trial(wrong("a = 1;", 0, CURATED, "rip"), Fate.SURVIVED)
    assert judge([trial], [entry("a = 1;")]).survivors == (trial,)


GOOD = '[[equivalent]]\nexercise = "1.4"\ntrack = "amd"\ndelete = "a = 1;"\nwhy = "It is 1."\n'


def equivalents(root: Path, text: str, exercise: Exercise = EXERCISE) -> list[Equivalent]:
    folder = root / "labs/01-x/mutants"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "equivalent.toml").write_text(text)
    return load_equivalents(root, [made.lab(1, exercise), made.lab(2)])


def test_the_file_of_equivalents(tmp_path: Path) -> None:
    first, second = equivalents(tmp_path, GOOD + GOOD + 'which = 2\nfunc = "f"\n')
    assert (first.exercise, first.func, first.delete, first.which, first.why) == (
        EXERCISE, FUNC, "a = 1;", 0, "It is 1.")
    assert second.which == 2
    assert str(second) == "labs/01-x/mutants/equivalent.toml: exercise 1.4 (amd): a = 1; (2)"


@pytest.mark.parametrize(("text", "message"), [
    (GOOD.replace("why", "way"), "equivalent 1: why: is missing"),
    (GOOD + "whom = 1", "equivalent 1: whom: unknown key; "),
    (GOOD.replace("It is 1.", " "), "equivalent 1: why: is empty"),
    (GOOD.replace("a = 1;", " "), "equivalent 1: delete: is empty"),
    (GOOD + "which = 0", "equivalent 1: which: must be positive, not 0"),
    (GOOD + GOOD.replace("1.4", "1.5"), "equivalent 2: exercise: there is no exercise 1.5 (amd)"),
    (GOOD.replace("amd", "intel"), "equivalent 1: exercise: there is no exercise 1.4 (intel)"),
    (GOOD + 'func = "g"', "equivalent 1: func: must be one of f, not 'g'"),
    ("equivalent = 3", "equivalent: must be a list of tables"),
    ("[other]", "other: unknown key; known: equivalent"),
    ("[[equivalent]", "equivalent.toml: Expected"),
])
def test_mistakes_in_the_file_of_equivalents(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as info:
        equivalents(tmp_path, text)
    assert str(info.value).startswith("labs/01-x/mutants/equivalent.toml: ")
    assert message in str(info.value)


def test_the_queue_keeps_everybody_at_one_file() -> None:
    jobs = [(wrong(text, func=Func(path, "f")), RUNS)
            for path, text in (("a.c", "1"), ("b.c", "2"), ("a.c", "3"), ("b.c", "4"),
                               ("b.c", "5"))]
    queue = Queue(jobs)
    taken = []
    for file in ("", "", "a.c", "a.c", "b.c", "b.c"):
        job = queue.take(file)
        taken.append((job[0].func.path, job[0].text) if job else None)
    assert taken == [("b.c", "2"), ("a.c", "1"), ("a.c", "3"), ("b.c", "4"), ("b.c", "5"), None]


def test_trouble_of_a_worker_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no labs here"):
        list(try_all(tmp_path, [(wrong(), RUNS)], 1, 1))
