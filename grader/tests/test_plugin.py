"""plugin.py: runs as tests, here and on workers, and what may go wrong with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from nestling import isa, plugin, scenario
from nestling.emulator import Launch
from nestling.plan import Plan, Run
from nestling.platforms import PLATFORMS, Job, Platform, Probe
from nestling.plugin import perform, run_plan, write_vm_files
from nestling.scenario import Factory, Scenario
from nestling.verdict import Status, Verdict

SCENARIOS = """\
from nestling.scenario import Scenario, scenario


@scenario("one")
def one(nonce, seed):
    return Scenario(vm=f'vm "a" {{ kernel "a.bin" args {nonce:#x} }}', stops={"a": "exits"},
                    exits=[], files={"a.bin": bytes(4)}, words="extra=1")


@scenario("broken")
def broken(nonce, seed):
    return Scenario(vm=1 / 0, exits=[])
"""


class FakePlatform(Platform):
    """A shell script that says what a good machine would."""

    key = "tcg"
    isa = "svm"
    models = ("old", "new")
    seen: list[Job] = []

    def probe(self) -> Probe:
        return Probe(True, isa="svm")

    def launch(self, job: Job, directory: Path) -> Launch:
        self.seen.append(job)
        assert (directory / "a.bin").read_bytes() == bytes(4)
        text = (directory / "one.vm").read_text()
        reason = "exits" if "args" in text else "nothing"
        return Launch(["sh", "-c", f"echo vm a stopped reason={reason} status=0; "
                       "echo end status=0"], directory)


@pytest.fixture(name="plan")
def plan_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan with three runs; the last two can't be made."""
    FakePlatform.seen = []
    monkeypatch.setitem(PLATFORMS, "tcg", FakePlatform())
    for name in plugin.ENVIRONMENT:
        monkeypatch.setenv(name, "")  # run_plan() sets them
    (tmp_path / "labs" / "01-x").mkdir(parents=True)
    (tmp_path / "labs" / "01-x" / "scenarios.py").write_text(SCENARIOS)
    (tmp_path / "hv" / "hvm").mkdir(parents=True)
    for name in ("exit.def", "hvm/svm.def", "hvm/vmx.def"):
        (tmp_path / "hv" / name).touch()
    (tmp_path / "build" / "guest").mkdir(parents=True)
    (tmp_path / "build" / "hv32.elf").touch()
    return Plan(tmp_path, tmp_path / "build", 7,
                (Run("one", "tcg", "new"), Run("broken", "tcg"), Run("one", "vax")))


def test_a_run(plan: Plan) -> None:
    verdict = perform(plan, plan.runs[0])
    assert (verdict.status, verdict.evidence) == (Status.PASSED, [])
    job = FakePlatform.seen[0]
    assert (job.model, job.words, job.witness) == ("new", "extra=1", True)


LAB = """\
number = 1
title = "One"
[[exercise]]
id = "1.1"
track = "common"
kind = "predict"
title = "Foresee"
answer = "predict.txt"
points = 1
scenarios = ["foreseen"]
stub = "# REASON PLACE"
"""
FORESEEN = SCENARIOS + """

@scenario("foreseen")
def foreseen(nonce, seed):
    return Scenario(vm='vm "a" { kernel "a.bin" }', exits=[], predict="labs/01-x/predict.txt",
                    files={"a.bin": bytes(4)})
"""


def test_a_prediction_is_read_from_the_tree_that_is_graded(plan: Plan, tmp_path: Path) -> None:
    (plan.root / "labs/01-x/scenarios.py").write_text(FORESEEN)
    (plan.root / "labs/01-x/lab.toml").write_text(LAB)
    (plan.root / "labs/01-x/README.md").touch()
    hers = tmp_path / "hers"
    answer = hers / "labs/01-x/predict.txt"
    answer.parent.mkdir(parents=True)
    plan = replace(plan, tree=hers)
    run = Run("foreseen", "tcg")
    assert perform(plan, run).evidence == [
        "predict: expected labs/01-x/predict.txt, seen nothing"]
    answer.write_text("  # REASON PLACE\n\n")
    assert perform(plan, run).evidence == [
        "todo 1.1: labs/01-x/predict.txt is yours: labs/01-x/README.md"]
    assert FakePlatform.seen == []


def test_a_break_has_a_build_of_its_own(plan: Plan) -> None:
    run = Run("one", "tcg", "", "deaf")
    assert "breaks/amd/deaf/hv32.elf: there is no hypervisor" in perform(plan, run).reason
    folder = plan.build_of(run)
    (folder / "guest").mkdir(parents=True)
    (folder / "hv32.elf").touch()
    assert perform(plan, run).status is Status.PASSED
    assert FakePlatform.seen[0].hv == folder / "hv32.elf"


def test_trouble_is_an_error_not_an_exception(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = perform(plan, plan.runs[1])
    assert verdict.status is Status.ERROR
    assert "scenario broken: line 12: ZeroDivisionError" in verdict.reason
    assert "no platform 'vax'" in perform(plan, plan.runs[2]).reason
    monkeypatch.setattr(plugin, "boot", lambda *args: 1 / 0)
    assert perform(plan, plan.runs[0]).reason.startswith(
        "a mistake in the grader: ZeroDivisionError: division by zero (")


def test_a_plan_here(plan: Plan) -> None:
    heard: list[tuple[Run, Verdict]] = []
    verdicts = run_plan(plan, 1, lambda run, verdict: heard.append((run, verdict)))
    assert [verdicts[run].status for run in plan.runs] == [
        Status.PASSED, Status.ERROR, Status.ERROR]
    assert dict(heard) == verdicts
    assert run_plan(Plan(plan.root, plan.build, 7, ()), 1, lambda run, verdict: None) == {}


def test_a_plan_on_workers_and_one_that_dies(plan: Plan) -> None:
    (plan.root / "labs" / "01-x" / "scenarios.py").write_text(SCENARIOS + """

@scenario("deadly")
def deadly(nonce, seed):
    import os
    os._exit(1)
""")
    program = f"""
from pathlib import Path
from nestling import plugin
from nestling.plan import Plan, Run
plugin.RUNS_PER_WORKER = 1
runs = tuple(Run(*words) for words in (("broken", "vax"), ("deadly", "tcg"), ("broken", "pdp")))
plan = Plan(Path({str(plan.root)!r}), Path("build"), 7, runs)
for run, verdict in plugin.run_plan(plan, 2, lambda run, verdict: None).items():
    print(run.name, verdict.status, verdict.reason)
"""
    done = python("-c", program)
    lines = sorted(done.stdout.splitlines())
    assert [line.split(":")[0] for line in lines] == [
        "broken on pdp error no platform 'pdp'; there are",
        "broken on vax error no platform 'vax'; there are",
        "deadly on tcg error the process that made this run died"], done.stderr


def python(*words: object) -> subprocess.CompletedProcess[str]:
    """Run Python on its own: no pytest around."""
    return subprocess.run([sys.executable, "-P", *map(str, words)], check=False,
                          env={"PYTHONPATH": str(Path(plugin.__file__).parents[1]),
                               "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)


def test_plain_pytest_can_run_a_plan(plan: Plan) -> None:
    plan.write(plan.root / "plan.json")
    done = python("-m", "pytest", "-p", "nestling.plugin", "-c", "/dev/null", "-p",
                  "no:cacheprovider", plan.root / "plan.json")
    assert "3 failed" in done.stdout
    assert "scenario broken: line 12: ZeroDivisionError" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_files_for_a_person(tmp_path: Path) -> None:
    made = {"one": Scenario('vm "a" {}', [], files={"a.bin": b"x"})}
    write_vm_files(made, tmp_path)
    assert (tmp_path / "one.vm").read_text() == 'vm "a" {}'
    assert (tmp_path / "a.bin").read_bytes() == b"x"


def test_factories_of_the_project_make_scenarios() -> None:
    root = Path(__file__).resolve().parents[2]
    known = isa.exit_names(root / "hv")
    for factory in scenario.load(root).values():
        assert isinstance(factory, Factory)
        for seed in range(50):
            exits = factory(seed).exits
            reasons = set(exits) if isinstance(exits, Mapping) else {exit_[0] for exit_ in exits}
            assert reasons <= known, f"{factory.path}: {factory.name}"


def test_interrupted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*args: object) -> Verdict:
        raise KeyboardInterrupt

    monkeypatch.setattr(plugin, "perform", press)
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, 1, lambda run, verdict: None)


def test_a_listener_that_fails(plan: Plan) -> None:
    def gone(run: Run, verdict: Verdict) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_plan(plan, 1, gone)
