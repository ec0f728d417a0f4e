"""cli_grade.py and report.py: what a person types, sees, and gets as exit status."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from minitree import make_project  # noqa: F401, the fixture "project"
from rich.console import Console

from nestling import build, cli_grade, release, tree
from nestling.build import Built, Site
from nestling.cli_grade import main
from nestling.compare import Finding
from nestling.labs import Break, Func, Lab, all_exercises, load
from nestling.plan import Plan, Run, choose
from nestling.platforms import PLATFORMS, Probe
from nestling.report import Commands, Screen
from nestling.verdict import Status, Verdict

SCENARIOS = """\
from nestling.scenario import Scenario, scenario


@scenario("first-real")
def first_real(nonce, seed):
    return Scenario(vm=f'vm "a" {{ args {nonce} {seed} }}', exits=[])


@scenario("first-long")
def first_long(nonce, seed):
    return Scenario('vm "a" {}', exits=[])


@scenario("sum")
def sums(nonce, seed):
    return Scenario('vm "a" {}', exits=[])
"""
PASSED = Verdict(Status.PASSED, seconds=1.5)
Judge = Callable[[Run], Verdict]


class World:
    """Stands in for make and the emulators."""

    def __init__(self) -> None:
        self.built = Built()
        self.judge: Judge = lambda run: PASSED
        self.made: list[tuple[Any, ...]] = []
        self.plans: list[Plan] = []

    def make(self, *words: Any) -> Built:
        self.made.append(words)
        words[0].built.mkdir(exist_ok=True, parents=True)
        return self.built

    def run_plan(self, plan: Plan, jobs: int, listener: Any) -> dict[Run, Verdict]:
        self.plans.append(plan)
        verdicts = {run: self.judge(run) for run in plan.runs}
        for run, verdict in verdicts.items():
            listener(run, verdict)
        return verdicts


@pytest.fixture(name="world")
def world_fixture(project: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A small project whose machines do what a test says."""
    (project / "labs/01-first/scenarios.py").write_text(SCENARIOS)
    toml = project / "labs/02-second/lab.toml"
    toml.write_text(toml.read_text().replace("points = 1\n", 'points = 1\nscenarios = ["sum"]\n'))
    toml = project / "labs/01-first/lab.toml"
    toml.write_text(toml.read_text().replace("points = 5\n", 'points = 5\nscenarios = ["sum"]\n'))
    world = World()
    monkeypatch.setattr(cli_grade, "ROOT", project)
    monkeypatch.setattr(build, "make", world.make)
    monkeypatch.setattr(cli_grade, "run_plan", world.run_plan)
    monkeypatch.chdir(project)
    monkeypatch.delenv("BUILD", raising=False)
    for platform in PLATFORMS.values():
        isa = platform.isa
        monkeypatch.setattr(type(platform), "probe", lambda self, isa=isa: Probe(True, isa=isa))
    return world


def failed(*lines: str) -> Verdict:
    findings = []
    for line in lines:
        what, _, rest = line.partition(": expected ")
        expected, _, seen = rest.partition(", seen ")
        findings.append(Finding(what, seen, expected) if rest else
                        Finding(*line.split(": ", 1)))
    return Verdict(Status.FAILED, tuple(findings), ("Nestling", "end status=0"), seconds=0.5)


def test_everything_is_right(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "7", "--json", "out.json"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert "  passed  first-real on tcg                              1.5 s" in lines
    assert lines[-1] == "score 16 of 16   (seed 7)"
    result = json.loads(Path("out.json").read_text())
    assert [(entry["id"], entry["score"]) for entry in result["exercises"]] == [
        ("1.2", 10), ("1.10", 5), ("2.1", 1)]
    assert [run.name for run in world.plans[0].runs] == [
        "first-real on tcg", "first-real on bochs-svm", "first-long on tcg",
        "first-long on bochs-svm", "sum on tcg", "sum on bochs-svm"]
    assert Path("build/grade/first-long.vm").read_text() == 'vm "a" {}'


def test_a_loss_is_told_with_all_that_helps(world: World,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    verdict = failed("stop a: expected exits, seen shutdown", "panic: rip=0x00 oops")
    world.judge = lambda run: PASSED if run.scenario == "first-real" else verdict
    assert main(["--seed", "7", "--lab", "1"]) == 1
    out = capsys.readouterr().out
    story = out[out.index("1.2 (amd) Start"):]
    assert story.splitlines()[:14] == [
        "1.2 (amd) Start: failed, 0 of 10 points",
        "  first-long on tcg",
        "    expected  stop a: exits",
        "    seen      shutdown",
        "    seen      panic: rip=0x00 oops",
        "    hint      RIP was never set.",
        "    log       | Nestling",
        "              | end status=0",
        "    likewise  first-long on bochs-svm",
        "    again     make grade EX=1.2 ON=tcg SEED=7",
        "    gdb       scripts/run build/grade/first-long.vm --on tcg --gdb",
        "",
        "1.10 (common) Switch: skipped, 0 of 5 points",
        "    reason    it needs exercise 1.2 (amd), which failed",
    ]
    assert "5 points were skipped, for the reasons above" in out
    assert out.endswith("score 0 of 15   (seed 7)\n")


def test_bochs_has_no_gdb(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.judge = lambda run: failed("panic: no")
    assert main(["--ex", "1.2", "--on", "bochs-svm"]) == 1
    out = capsys.readouterr().out
    assert "Bochs has no gdb server; the same machine on QEMU does:\n" in out
    assert "              scripts/run build/grade/first-real.vm --on tcg --gdb\n" in out
    assert main(["--ex", "1.2", "--on", "bochs-vmx", "--model", "corei7_haswell_4770"]) == 1
    out = capsys.readouterr().out
    assert "--on kvm --gdb" in out
    assert "MODEL=corei7_haswell_4770" in out


def test_a_stub_is_told_in_one_line_and_nothing_is_run_that_needs_it(
        world: World, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = next(exercise for exercise in all_exercises(load(project), "amd"))
    tree.put_stub(project, exercise)
    world.judge = lambda run: failed("todo 1.2: svm_start is yours: labs/01-first/README.md")
    assert main([]) == 1
    out = capsys.readouterr().out
    assert {run.scenario for run in world.plans[0].runs} == {"first-real", "first-long"}
    assert """\
1.2 (amd) Start: failed, 0 of 10 points
    hint      exercise 1.2 (svm_start) is yours: labs/01-first/README.md

1.10 (common) to 2.1 (common): skipped, 0 of 6 points
    reason    it needs exercise 1.2 (amd), which is a stub still
""" in out
    assert "gdb" not in out


def test_a_compile_error(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.built = Built(errors=("hv/svm.c:3: error: no", "hv/svm.c:4: error: no"))
    assert main(["--json", "out.json"]) == 1
    out = capsys.readouterr().out
    assert "  hv/svm.c:3: error: no\n  hv/svm.c:4: error: no\n" in out
    assert "the tree does not compile: hv/svm.c:3: error: no" in out
    assert json.loads(Path("out.json").read_text())["score"] == 0


def test_no_compiler(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.built = Built(fault="gcc is missing: apt install gcc")
    assert main([]) == 1
    out = capsys.readouterr().out
    assert "reason    gcc is missing: apt install gcc" in out
    assert "16 points were not graded, through no fault of the code" in out


def test_a_missing_platform(world: World, monkeypatch: pytest.MonkeyPatch,
                            capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(type(PLATFORMS["bochs-svm"]), "probe",
                        lambda self: Probe(False, "bochs is missing: apt install bochs"))
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "not used: bochs-svm: bochs is missing: apt install bochs" in out
    assert main(["--on", "bochs-svm"]) == 1
    out = capsys.readouterr().out
    assert "no platform to run it on; bochs-svm: bochs is missing: apt install bochs" in (
        " ".join(out.split()))


def test_an_error_has_a_reason_and_no_hint(world: World,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    world.judge = lambda run: Verdict(Status.ERROR, reason="QEMU was killed")
    assert main(["--ex", "1.2"]) == 1
    out = capsys.readouterr().out
    assert "    reason    QEMU was killed\n" in out
    assert "hint" not in out and "--gdb" not in out


def test_many_findings_are_cut(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.judge = lambda run: failed(*(f"state a r{n}: expected 0x1, seen 0x2" for n in range(9)))
    assert main(["--ex", "1.2", "--on", "tcg"]) == 1
    out = capsys.readouterr().out
    assert "and 5 more (JSON=FILE has them all)" in out
    assert out.count("state a r") == 4


@pytest.mark.parametrize("words, message", [
    (["--on", "vax"], "there is no platform 'vax'"),
    (["--track", "intel", "--on", "tcg"], "the platform tcg is a machine of the track amd"),
    (["--lab", "3"], "there is no lab 3"),
    (["--ex", "3.3"], "there is no exercise 3.3"),
    (["--tree", "nowhere"], "nowhere: there is no such folder"),
    (["--json", "no/where"], "no/where: can't be written"),
])
def test_wrong_usage(world: World, words: list[str], message: str,
                     capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"grade: {message}") and captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("words", [
    ["--track", "arm"], ["--lab", "one"], ["--seed", "x"], ["--seed", "-1"], ["--jobs", "0"],
    ["--bogus"]])
def test_words_that_can_not_be_read(world: World, words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2


def test_empty_words_are_no_wishes(world: World) -> None:
    words = ["--tree", "", "--lab", "", "--ex", "", "--track", "", "--on", "", "--model", "",
             "--json", "", "--seed", "", "--jobs", ""]
    assert main(words) == 0
    assert len(world.plans[0].runs) == 6


def test_a_seed_is_new_unless_given(world: World) -> None:
    for seed in ("", "", "7", "7"):
        main(["--seed", seed])
    seeds = [plan.seed for plan in world.plans]
    assert seeds[0] != seeds[1] and seeds[2] == seeds[3] == 7


def test_a_scenario_that_nobody_wrote(world: World, project: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "labs/01-first/scenarios.py"
    file.write_text(SCENARIOS.replace("first-long", "first-short"))
    assert main([]) == 2
    assert capsys.readouterr().err.startswith(
        "grade: labs/01-first/lab.toml: exercise 1.2 (amd): there is no scenario 'first-long'")


def test_another_tree_and_build(world: World, project: Path, tmp_path: Path,
                                capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other tree"
    (other / "hv").mkdir(parents=True)  # its functions can't be found: no stub, then
    world.judge = lambda run: failed("panic: no")
    assert main(["--tree", "../other tree", "--build", "out", "--seed", "7"]) == 1
    assert world.made[0][0] == Site(other, "out")
    assert (world.plans[0].root, world.plans[0].build) == (project, other / "out")
    out = capsys.readouterr().out
    assert f"make grade 'TREE={other}' BUILD=out EX=1.2 ON=tcg SEED=7\n" in out
    assert (f"scripts/run '{other}/out/grade/first-real.vm' --on tcg --gdb "
            f"--build '{other}/out'\n") in out


def test_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = Commands(Path("/srv/nestling"), Path("/srv/nestling"), "build")
    assert commands.grade("1.4", Run("a", "tcg"), 7) == (
        "make -C /srv/nestling grade EX=1.4 ON=tcg SEED=7")
    assert commands.gdb(Run("a", "tcg"), "tcg") == (
        "/srv/nestling/scripts/run /srv/nestling/build/grade/a.vm --on tcg --gdb")


def test_earlier_labs_can_be_assumed(world: World, project: Path, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    hers = tmp_path / "hers"
    tree.export(project, hers)
    world.judge = lambda run: failed("panic: no")
    assert main(["--tree", str(hers), "--lab", "2", "--assume", "1", "--on", "tcg", "--seed", "7",
                 "--json", "out.json"]) == 1
    copy = hers / "build/assume/tree"
    assert world.made[0][0] == Site(copy, "build")
    assert (copy / "hv/svm.c").read_text() == (project / "hv/svm.c").read_text()
    plan, = world.plans
    assert (plan.build, plan.tree) == (copy / "build", copy)
    assert [run.name for run in plan.runs] == ["sum on tcg"]
    out = capsys.readouterr().out
    assert ("\nassumed, with the reference in their place, and not graded: 1.2 (amd), "
            "1.10 (common)\n") in out
    assert f"make grade TREE={hers} EX=2.1 ON=tcg SEED=7 ASSUME=1\n" in out
    result = json.loads(Path("out.json").read_text())
    assert [entry["id"] for entry in result["assumed"]] == ["1.2", "1.10"]
    assert [entry["id"] for entry in result["exercises"]] == ["2.1"]


def test_nothing_to_assume_is_no_trouble(world: World, project: Path) -> None:
    shutil.rmtree(project / "labs/01-first/mutants")
    assert main(["--lab", "1", "--assume"]) == 0
    assert world.made[0][0] == Site(project, "build")


def test_a_reference_that_is_not_at_hand(world: World, project: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(project / "labs/01-first/mutants")
    assert main(["--lab", "2", "--assume"]) == 2
    assert capsys.readouterr().err == (
        "grade: --assume: the reference of the earlier labs is not at hand; put the release of "
        f"your course to {project}/labs/release.json\n")


def test_what_was_taken_from_the_release(world: World, project: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    exercises = all_exercises(load(project, check_functions=False), "amd")
    release.write(project, exercises[:1], project / "labs/release.json")
    shutil.rmtree(project / "labs/01-first/mutants")  # so it is a student's tree
    assert main(["--seed", "7"]) == 0
    out = capsys.readouterr().out
    assert "taken from the release: earns nothing: 1.2 (amd)\n" in out
    assert "0/10" in out and "passed, taken" in out
    assert out.endswith("score 6 of 16   (seed 7)\n")


def test_what_to_type_for_a_special_machine() -> None:
    root = Path("/srv/nestling")
    commands = Commands(root, root, "build", "", False, {"a": "until=guest"})
    run = Run("a", "tcg", "qemu64,+svm", "deaf")
    assert "MODEL" not in commands.grade("1.4", run, 7)
    assert commands.gdb(run, "tcg") == (
        "/srv/nestling/scripts/run /srv/nestling/build/grade/a.vm --on tcg --gdb "
        "--model qemu64,+svm --cmdline until=guest --build /srv/nestling/build/breaks/amd/deaf")


def test_breaks_are_built_and_trouble_with_them_is_no_failure(
        world: World, project: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    one = Break("deaf", "amd", Func("hv/svm.c", "svm_helper"), "x.c", "", "")
    exercises = all_exercises(load(project, check_functions=False), "amd")
    guest = replace(exercises[0], kind="guest", breaks=(one,))
    choice = choose([Lab(1, "x", "labs/01-x", (guest,), ())], on=["tcg"])
    plan = Plan(project, project / "build", 7, choice.runs())
    made = []

    def make_breaks(site: Site, breaks: dict[str, Break], jobs: int) -> str:
        made.append(breaks)
        return "gcc fell ill" if len(made) > 1 else ""

    monkeypatch.setattr(build, "make_breaks", make_breaks)
    site, screen = Site(project, "build"), Screen(Commands(project, project, "build"))
    assert set(cli_grade.make_runs(site, choice, plan, 2, screen).values()) == {PASSED}
    assert made == [{"breaks/amd/deaf": one}]
    verdicts = cli_grade.make_runs(site, choice, plan, 2, screen)
    assert {run.broken: verdict.reason for run, verdict in verdicts.items()} == {
        "": "", "deaf": "gcc fell ill"}
    assert "wrong on purpose: deaf\n" in capsys.readouterr().out


def test_interrupted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    def press(run: Run) -> Verdict:
        raise KeyboardInterrupt

    world.judge = press
    assert main([]) == 130
    assert capsys.readouterr().err == "\ngrade: interrupted\n"


def test_on_a_terminal(tmp_path: Path) -> None:
    console = Console(force_terminal=True, width=60, record=True, color_system="truecolor")
    screen = Screen(Commands(tmp_path, tmp_path, "build"), console)
    with screen.progress(2) as done:
        done(Run("a", "tcg"), PASSED)
        done(Run("b [red]", "tcg"), failed("panic: no"))
    text = console.export_text(clear=False)
    assert "passed  a on tcg" in text and "failed  b [red] on tcg" in text
    assert "\x1b[32m" in console.export_text(styles=True)
