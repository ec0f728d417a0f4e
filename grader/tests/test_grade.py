"""grade.py: points, dependencies, hints, and the JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from exercises import exercise, hint

from nestling.build import Built
from nestling.compare import Finding
from nestling.grade import Grade, Grades, find_hint, grade_all, grade_unbuilt, to_json
from nestling.labs import Exercise
from nestling.plan import Choice, Run
from nestling.platforms import PLATFORMS, Probe
from nestling.verdict import Status, Verdict

SCHEMA = json.loads((Path(__file__).parents[1] / "grade.schema.json").read_text())
PASSED = Verdict(Status.PASSED, seconds=0.12345)
ERROR = Verdict(Status.ERROR, reason="QEMU was killed")


def failed(*lines: str) -> Verdict:
    return Verdict(Status.FAILED, tuple(Finding(*line.split(": ", 1)) for line in lines))


def todo(ident: str) -> Verdict:
    return failed(f"todo {ident}: svm_run is yours: labs/01-x/README.md")


@pytest.fixture(autouse=True)
def platforms_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform in PLATFORMS.values():
        isa = platform.isa
        monkeypatch.setattr(type(platform), "probe", lambda self, isa=isa: Probe(True, isa=isa))


def choose(*exercises: Exercise, on: Sequence[str] = ("tcg",)) -> Choice:
    return Choice(("amd",), tuple(PLATFORMS[key] for key in on), exercises, exercises)


def grades(verdicts: dict[str, Verdict], *exercises: Exercise) -> list[Grade]:
    """Grades on tcg alone, with verdicts by scenario."""
    runs = {Run(name, "tcg"): verdict for name, verdict in verdicts.items()}
    return list(grade_all(choose(*exercises), runs, {}))


ONE = exercise("1.1", scenarios=("a",))
TWO = exercise("1.2", needs=("1.1",), scenarios=("b",))
THREE = exercise("1.3", "common", needs=("1.2",), scenarios=("c",))


def test_what_depends_on_a_failure_is_skipped() -> None:
    one, two, three = grades({"a": failed("panic: no"), "b": PASSED, "c": failed("panic: x")},
                             ONE, TWO, THREE)
    assert (one.status, two.status, three.status) == (
        Status.FAILED, Status.SKIPPED, Status.SKIPPED)
    assert two.hint == "it needs exercise 1.1 (amd), which failed"
    assert three.hint == "it needs exercise 1.2 (amd), which was skipped"
    assert [grade.score for grade in (one, two, three)] == [0, 0, 0]


def test_an_error_is_no_failure_of_those_that_depend_on_it() -> None:
    one, two, three = grades({"a": ERROR, "b": PASSED, "c": PASSED}, ONE, TWO, THREE)
    assert (one.status, one.hint) == (Status.ERROR, "QEMU was killed")
    assert (two.score, three.score) == (10, 10)


def test_the_stub_of_another_exercise_is_not_this_ones_failure() -> None:
    both = exercise("2.1", scenarios=("a", "b"))
    grade, = grades({"a": todo("1.4"), "b": PASSED}, both)
    assert grade.status is Status.SKIPPED
    assert grade.hint == ("it needs exercise 1.4 (svm_run), which is a stub still: "
                          "labs/01-x/README.md")
    grade, = grades({"a": todo("1.4"), "b": failed("panic: no")}, both)
    assert (grade.status, grade.hint) != (Status.SKIPPED, "")
    assert grade.status is Status.FAILED
    grade, = grades({"a": todo("2.1"), "b": todo("1.4")}, both)
    assert (grade.status, grade.hint) == (
        Status.FAILED, "exercise 2.1 (svm_run) is yours: labs/01-x/README.md")


def test_blocked_by_a_stub() -> None:
    found = grade_all(choose(TWO), {}, {TWO: ONE})
    assert found[0].status is Status.SKIPPED
    assert found[0].hint == "it needs exercise 1.1 (amd), which is a stub still"


def test_every_platform_counts() -> None:
    choice = choose(ONE, on=("tcg", "bochs-svm"))
    verdicts = {Run("a", "tcg"): PASSED, Run("a", "bochs-svm"): failed("panic: no")}
    grade, = grade_all(choice, verdicts, {})
    assert grade.status is Status.FAILED
    assert [one.run.platform for one in grade.bad] == ["bochs-svm"]
    verdicts[Run("a", "bochs-svm")] = ERROR
    assert grade_all(choice, verdicts, {})[0].status is Status.ERROR
    del verdicts[Run("a", "bochs-svm")]
    grade, = grade_all(choice, verdicts, {})
    assert (grade.status, grade.hint) == (Status.ERROR, "this run was never made")


def test_what_was_taken_earns_nothing_but_what_needs_it_does() -> None:
    choice = choose(ONE, TWO)
    verdicts = {Run("a", "tcg"): PASSED, Run("b", "tcg"): PASSED}
    one, two = grade_all(choice, verdicts, {}, taken=[ONE])
    assert (one.status, one.score, two.score) == (Status.PASSED, 0, 10)
    values = to_json(Grades(choice, 7, (one, two), assumed=(THREE,)))
    jsonschema.validate(values, SCHEMA)
    assert [entry["taken"] for entry in values["exercises"]] == [True, False]
    assert values["assumed"] == [{"id": "1.3", "track": "common"}]


def test_a_guest_that_is_a_stub_is_its_own_obstacle() -> None:
    guest = replace(ONE, kind="guest")
    one, two = grade_all(choose(guest, TWO), {}, {guest: guest, TWO: guest})
    assert (one.status, one.hint) == (
        Status.FAILED, "exercise 1.1 (f) is yours: labs/01-x/README.md")
    assert (two.status, two.hint) == (
        Status.SKIPPED, "it needs exercise 1.1 (amd), which is a stub still")


def test_a_missing_platform_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose(ONE, on=("tcg", "bochs-svm"))
    monkeypatch.setattr(type(PLATFORMS["bochs-svm"]), "probe",
                        lambda self: Probe(False, "apt install bochs"))
    assert grade_all(choice, {Run("a", "tcg"): PASSED}, {})[0].status is Status.PASSED
    grade, = grade_all(choose(ONE, on=("bochs-svm",)), {}, {})
    assert (grade.status, grade.score) == (Status.SKIPPED, 0)
    assert grade.hint == "no platform to run it on; bochs-svm: apt install bochs"


def test_an_exercise_for_other_machines_only() -> None:
    choice = replace(choose(ONE), on={"a": {"bochs-svm": ""}})
    grade, = grade_all(choice, {}, {})
    assert (grade.status, grade.hint) == (
        Status.ERROR, "no platform to run it on; tcg: its scenarios are for bochs-svm only")


def test_an_exercise_without_scenarios_proves_nothing() -> None:
    grade, = grades({}, exercise("1.1", scenarios=()))
    assert (grade.status, grade.hint) == (Status.ERROR, "labs/*/lab.toml names no scenario for it")


HINTS = (hint("first", "stop x: expected exits, seen (shutdown|memory)"), hint("second", "^panic"))


@pytest.mark.parametrize("verdict, text, name", [
    (PASSED, "", ""),
    (ERROR, "QEMU was killed", ""),
    (todo("1.1"), "exercise 1.1 (svm_run) is yours: labs/01-x/README.md", ""),
    (failed("panic: no"), "advice: second", "second"),
    (failed("panic: no", "stop x: expected exits, seen memory"), "advice: first", "first"),
    (failed("compile: a.c:1: error: no"), "the tree does not compile: a.c:1: error: no", ""),
    (failed("timeout: 3"), "there is no special advice for this one; compare what was expected "
     "with what was seen, and read labs/01-x/README.md", ""),
])
def test_hints(verdict: Verdict, text: str, name: str) -> None:
    assert find_hint(exercise("1.1", hints=HINTS), verdict) == (text, name)


def test_a_tree_that_does_not_compile() -> None:
    built = Built(errors=("hv/a.c:3: error: no", "hv/a.c:4: error: no"))
    found = grade_unbuilt(choose(ONE, TWO), built)
    assert {grade.status for grade in found} == {Status.FAILED}
    assert found[0].hint == "the tree does not compile: hv/a.c:3: error: no"
    special = exercise("1.1", hints=(hint("name", r"compile: hv/a\.c"),))
    assert grade_unbuilt(choose(special), built)[0].hint == "advice: name"


def test_a_computer_that_can_not_compile() -> None:
    found = grade_unbuilt(choose(ONE), Built(fault="gcc is missing"))
    assert (found[0].status, found[0].hint) == (Status.ERROR, "gcc is missing")


def test_json() -> None:
    choice = choose(ONE, TWO, THREE)
    verdicts = {Run("a", "tcg"): PASSED, Run("b", "tcg"): failed("panic: no")}
    everything = Grades(choice, 7, grade_all(choice, verdicts, {}))
    values = json.loads(json.dumps(to_json(everything)))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(values, SCHEMA)
    assert (values["score"], values["max"], values["seed"]) == (10, 30, 7)
    assert [entry["status"] for entry in values["exercises"]] == ["passed", "failed", "skipped"]
    assert values["exercises"][1]["runs"] == [
        {"scenario": "b", "platform": "tcg", "model": "", "break": "", "status": "failed",
         "seconds": 0.0, "hint": "", "evidence": ["panic: no"]}]
    assert values["platforms"] == {
        "tcg": {"available": True, "reason": "", "title": PLATFORMS["tcg"].title}}
    assert not everything.passed


def test_the_json_of_a_tree_that_does_not_compile() -> None:
    choice = choose(ONE)
    built = Built(errors=("a.c:1: error: no",))
    values = to_json(Grades(choice, 7, grade_unbuilt(choice, built), built))
    jsonschema.validate(values, SCHEMA)
    assert values["compile_errors"] == ["a.c:1: error: no"]
