"""plan.py: from wishes to runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from exercises import exercise, lab

from nestling.errors import UserError
from nestling.labs import Break, Func
from nestling.plan import Plan, Run, blocked_by, breaks_in, choose, needs_of
from nestling.platforms import PLATFORMS, Probe
from nestling.scenario import Factory, Scenario

AMD = exercise("1.2", "amd", scenarios=("a", "b"))
INTEL = exercise("1.2", "intel", scenarios=("a", "b"))
COMMON = exercise("1.10", "common", needs=("1.2",), scenarios=("b", "c"))
LATER = exercise("2.1", "amd", needs=("1.10",))
LABS = [lab(1, AMD, INTEL, COMMON), lab(2, LATER)]


@pytest.fixture(autouse=True)
def all_but_kvm(monkeypatch: pytest.MonkeyPatch) -> None:
    """All platforms are here, whatever this computer has; but for kvm."""
    for key, platform in PLATFORMS.items():
        isa = "" if key == "kvm" else platform.isa
        monkeypatch.setattr(type(platform), "probe",
                            lambda self, isa=isa: Probe(bool(isa), "no, no", isa))


@pytest.mark.parametrize("track, on, tracks, platforms", [
    ("", [], ("amd",), ["tcg", "bochs-svm"]),
    ("amd", [], ("amd",), ["tcg", "bochs-svm"]),
    ("intel", [], ("intel",), ["bochs-vmx"]),
    ("", ["bochs-vmx"], ("intel",), ["bochs-vmx"]),
    ("", ["bochs-svm", "bochs-svm"], ("amd",), ["bochs-svm"]),
    ("", ["tcg", "bochs-vmx"], ("amd", "intel"), ["tcg", "bochs-vmx"]),
    ("", ["kvm"], ("amd",), ["kvm"]),
    ("intel", ["kvm", "bochs-vmx"], ("intel",), ["kvm", "bochs-vmx"]),
])
def test_tracks_and_platforms_imply_each_other(
        track: str, on: Sequence[str], tracks: tuple[str, ...], platforms: list[str]) -> None:
    choice = choose(LABS, track, on)
    assert choice.tracks == tracks
    assert [platform.key for platform in choice.platforms] == platforms
    assert {exercise.track for exercise in choice.exercises} <= {*tracks, "common"}


@pytest.mark.parametrize("wishes, message", [
    ({"track": "intel", "on": ["tcg"]}, "the platform tcg is a machine of the track amd, not "
     "intel; for intel there are: bochs-vmx, kvm"),
    ({"track": "amd", "on": ["tcg", "bochs-vmx"]}, "bochs-vmx is a machine of the track intel"),
    ({"on": ["vax"]}, "there is no platform 'vax'; there are: tcg, bochs-vmx, bochs-svm, kvm"),
    ({"numbers": [1, 3]}, "there is no lab 3; there are: 1, 2"),
    ({"ids": ["1.2", "7.7"]}, "there is no exercise 7.7 on the track amd; there are: 1.2, 1.10"),
    ({"ids": ["2.1"], "track": "intel"}, "there is no exercise 2.1 on the track intel"),
    ({"ids": ["1.2"], "numbers": [2]}, "no exercise is in the labs"),
    ({"model": "ryzen", "on": ["bochs-vmx"]}, "no CPU model 'ryzen' on bochs-vmx; there are: "
     "corei7_skylake_x"),
])
def test_wishes_that_make_no_sense(wishes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose(LABS, **wishes)  # type: ignore[arg-type]


def test_narrowing() -> None:
    assert choose(LABS).exercises == (AMD, COMMON, LATER)
    assert choose(LABS, numbers=[2]).exercises == (LATER,)
    assert choose(LABS, ids=["1.10"]).exercises == (COMMON,)
    assert choose(LABS, ids=["1.10"]).known == (AMD, COMMON, LATER)
    assert choose(LABS, on=["tcg", "bochs-vmx"], ids=["1.2"]).exercises == (AMD, INTEL)


def test_runs_are_made_once_and_only_where_they_belong() -> None:
    choice = choose(LABS, on=["tcg", "bochs-vmx", "kvm"], numbers=[1])
    assert choice.runs() == (
        Run("a", "tcg"), Run("b", "tcg"), Run("a", "bochs-vmx"), Run("b", "bochs-vmx"),
        Run("c", "tcg"), Run("c", "bochs-vmx"))
    assert [platform.key for platform in choice.platforms_of(AMD)] == ["tcg", "kvm"]
    assert choice.runs(blocked={INTEL, COMMON}) == (Run("a", "tcg"), Run("b", "tcg"))


def test_a_model_is_for_the_platforms_that_have_it() -> None:
    model = "corei7_haswell_4770"
    choice = choose(LABS, on=["tcg", "bochs-vmx"], ids=["1.2"], model=model)
    assert Run("a", "tcg") in choice.runs()
    assert Run("a", "bochs-vmx", model) in choice.runs()
    assert Run("a", "bochs-vmx", model).name == f"a on bochs-vmx ({model})"


def factories(**on: dict[str, str] | None) -> dict[str, Factory]:
    return {name: Factory(name, lambda nonce, seed: Scenario("", []), "x.py", machines)
            for name, machines in on.items()}


def test_a_scenario_may_choose_its_machines() -> None:
    made = factories(a={"tcg": "qemu64,+svm", "bochs-vmx": ""}, b=None, c={"bochs-svm": ""})
    choice = choose(LABS, on=["tcg", "bochs-vmx"], numbers=[1], factories=made)
    assert choice.runs_of(AMD) == [Run("a", "tcg", "qemu64,+svm"), Run("b", "tcg")]
    assert choice.runs_of(INTEL) == [Run("a", "bochs-vmx"), Run("b", "bochs-vmx")]
    assert choice.runs_of(COMMON) == [Run("b", "tcg"), Run("b", "bochs-vmx")]
    choice = choose(LABS, on=["tcg"], ids=["1.2"], model="qemu64,+svm,+npt", factories=made)
    assert choice.runs() == (Run("a", "tcg", "qemu64,+svm"), Run("b", "tcg", "qemu64,+svm,+npt"))


def a_break(name: str, track: str, path: str = "") -> Break:
    return Break(name, track, Func("hv/a.c", "g"), path or f"breaks/{name}.c", "", "")


def test_a_guest_meets_each_break_of_its_track() -> None:
    breaks = (a_break("no-npt", "amd"), a_break("no-ept", "intel"), a_break("deaf", "common"))
    guest = replace(exercise("1.3", "common", scenarios=("a",)), kind="guest", breaks=breaks)
    choice = choose([lab(1, guest)], on=["tcg", "bochs-vmx"])
    assert [(run.platform, run.broken) for run in choice.runs()] == [
        ("tcg", ""), ("tcg", "no-npt"), ("tcg", "deaf"),
        ("bochs-vmx", ""), ("bochs-vmx", "no-ept"), ("bochs-vmx", "deaf")]
    assert choice.runs()[1].name == "a on tcg (break no-npt)"
    assert breaks_in(choice, choice.runs()) == {
        "breaks/amd/no-npt": breaks[0], "breaks/amd/deaf": breaks[2],
        "breaks/intel/no-ept": breaks[1], "breaks/intel/deaf": breaks[2]}
    assert breaks_in(choice, [Run("a", "tcg")]) == {}
    assert blocked_by([guest], [guest]) == {guest: guest}


def test_two_breaks_of_one_name() -> None:
    one, two = (replace(exercise(ident, scenarios=("a",)), kind="guest", breaks=(
        a_break("deaf", "amd", f"{ident}.c"),)) for ident in ("1.3", "1.4"))
    choice = choose([lab(1, one, two)], on=["tcg"])
    with pytest.raises(UserError, match="^1.4.c: break: the name deaf is 1.3.c's already$"):
        breaks_in(choice, choice.runs())


def test_where_a_run_finds_its_hypervisor(tmp_path: Path) -> None:
    plan = Plan(tmp_path, tmp_path / "build", 7, ())
    assert plan.build_of(Run("a", "tcg")) == tmp_path / "build"
    assert plan.build_of(Run("a", "bochs-vmx", "", "deaf")) == (
        tmp_path / "build/breaks/intel/deaf")


def test_needs() -> None:
    exercises = [AMD, INTEL, COMMON, LATER]
    assert needs_of(COMMON, exercises) == [AMD, INTEL]
    assert needs_of(LATER, exercises) == [COMMON]
    assert needs_of(AMD, exercises) == []
    assert blocked_by([INTEL], exercises) == {COMMON: INTEL, LATER: INTEL}
    assert blocked_by([LATER], exercises) == {}


def test_a_plan_can_be_read_back(tmp_path: Path) -> None:
    plan = Plan(tmp_path, tmp_path / "build", 7, (Run("a", "tcg"), Run("b", "bochs-vmx", "m")))
    for one in (plan, replace(plan, tree=tmp_path / "hers")):
        one.write(tmp_path / "plan.json")
        assert Plan.read(tmp_path / "plan.json") == one
