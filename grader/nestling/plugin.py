"""The pytest plugin: each run of a plan is a test, so pytest-xdist can share them out.

`pytest -p nestling.plugin plan.json` runs a plan. Each test's report carries the verdict
among its user_properties; that is all the grader takes from pytest.
"""

from __future__ import annotations

import functools
import math
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nestling import isa, labs, scenario
from nestling.boot import Options, VmFile, boot
from nestling.compare import NOTHING, Finding, Names
from nestling.emulator import Limits, staging
from nestling.errors import UserError
from nestling.labs import Lab, all_exercises
from nestling.plan import Plan, Run
from nestling.platforms import platform_named
from nestling.scenario import Factory, Scenario
from nestling.verdict import Status, Verdict, judge, judge_broken, todo

PROPERTY = "nestling-verdict"
RUNS_PER_WORKER = 4  # a worker takes about as long to start as these take

# pytest must not be led astray by what lies around in the tree, or by the user's environment.
ARGUMENTS = ["-c", os.devnull, "--noconftest", "-s", "-p", "no:terminal", "-p", "no:cacheprovider",
             "-p", "xdist", "-p", "nestling.plugin"]
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}

Listener = Callable[[Run, Verdict], None]


class NotPassed(Exception):
    """The verdict, for pytest's own reports."""


class PlanFile(pytest.File):
    """A plan as a collection of tests."""

    def collect(self) -> Iterator[RunItem]:
        plan = Plan.read(self.path)
        for run in plan.runs:
            yield RunItem.from_parent(self, name=run.name, plan=plan, run=run)


class RunItem(pytest.Item):
    """One run as a test."""

    def __init__(self, *, plan: Plan, run: Run, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.plan = plan
        self.run = run

    def runtest(self) -> None:
        verdict = perform(self.plan, self.run)
        self.user_properties.append((PROPERTY, verdict.to_dict()))
        if verdict.status is not Status.PASSED:
            raise NotPassed("\n".join(verdict.evidence) or verdict.reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException],
                     style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PlanFile | None:
    """A plan is a file that is called so."""
    if file_path.name == "plan.json":
        plan_file: PlanFile = PlanFile.from_parent(parent, path=file_path)
        return plan_file
    return None


def perform(plan: Plan, run: Run, seconds: float = math.inf) -> Verdict:
    """Make one run, and judge it. Whatever goes wrong on our side is an ERROR, never a raise.

    Args:
        seconds: of wall clock, for those who have less patience than the scenario.
    """
    try:
        return boot_and_judge(plan, run, seconds)
    except UserError as error:
        return Verdict(Status.ERROR, reason=str(error))
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Verdict(Status.ERROR, reason="a mistake in the grader: "
                       f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})")


def boot_and_judge(plan: Plan, run: Run, seconds: float = math.inf) -> Verdict:
    """perform() without its net."""
    platform = platform_named(run.platform)
    made = factories(plan.root)[run.scenario](plan.seed)
    answer = ""
    if made.predict:
        answer, wrong = read_answer(plan.root, plan.tree or plan.root, made.predict)
        if wrong:
            return Verdict(Status.FAILED, (wrong,))
    build = plan.build_of(run)
    names = Names.of_build(isa.load(plan.root / "hv", platform.isa), build)
    options = Options(words=made.words, trace=bool(made.predict), witness=platform.has_witness,
                      memory=made.memory, model=run.model, instructions=made.instructions)
    with staging() as directory:
        for name, data in made.files.items():
            (directory / name).write_bytes(data)
        result = boot(platform, VmFile(f"{run.scenario}.vm", made.vm), build, [directory],
                      options, Limits(seconds=min(made.seconds, seconds)))
    if run.broken:
        return judge_broken(made, result, names, run.broken)
    return judge(made, result, names, platform.has_witness, answer)


def read_answer(root: Path, tree: Path, path: str) -> tuple[str, Finding | None]:
    """The text of an answer's file in `tree`, and what is wrong if it is none.

    Args:
        root: the tree with the labs, which know what the file is like in a starter.
    """
    try:
        text = (tree / path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return "", Finding("predict", NOTHING, path)
    for exercise in all_exercises(known_labs(root)):
        if exercise.answer == path and text.split() == exercise.stub.split():
            return "", todo(exercise.id, path, exercise.handout)
    return text, None


# A worker makes many runs of the same plan: what they share is read once.

@functools.cache
def factories(root: Path) -> dict[str, Factory]:
    """The scenarios of a tree."""
    return scenario.load(root)


@functools.cache
def known_labs(root: Path) -> tuple[Lab, ...]:
    """The labs of a tree."""
    return labs.load(root, check_functions=False)


def write_vm_files(made: dict[str, Scenario], directory: Path) -> None:
    """Leave the scenarios where a person can run them: directory/NAME.vm, and what they name."""
    for name, one in made.items():
        (directory / f"{name}.vm").write_text(one.vm, encoding="utf-8")
        for file, data in one.files.items():
            (directory / file).write_bytes(data)


class Gather:
    """Collects the verdicts from pytest's reports, where the tests' results arrive."""

    def __init__(self, plan: Plan, listener: Listener) -> None:
        self._runs = {run.name: run for run in plan.runs}
        self._listener = listener
        self.verdicts: dict[Run, Verdict] = {}
        self.failure: Exception | None = None  # of the listener

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called for each phase of each test; a worker that dies has its report as well."""
        run = self._runs.get(report.nodeid.split("::", 1)[-1])
        values = dict(report.user_properties).get(PROPERTY)
        if run is None or run in self.verdicts or not (values or report.failed):
            return
        if isinstance(values, dict):
            verdict = Verdict.from_dict(values)
        else:
            verdict = Verdict(Status.ERROR, reason="the process that made this run died")
        self.verdicts[run] = verdict
        try:
            self._listener(run, verdict)
        except Exception as error:  # pytest would make a traceback of it
            self.failure = error
            pytest.exit("nobody listens")


def run_plan(plan: Plan, jobs: int, listener: Listener) -> dict[Run, Verdict]:
    """Make all runs of a plan, `jobs` side by side; `listener` hears of each as it ends.

    Runs without a verdict in the result were not made. Raises KeyboardInterrupt, and whatever
    `listener` raises.
    """
    if not plan.runs:
        return {}
    os.environ.update(ENVIRONMENT)
    gather = Gather(plan, listener)
    with staging() as directory:
        path = directory / "plan.json"
        plan.write(path)
        jobs = min(jobs, len(plan.runs) // RUNS_PER_WORKER)
        parallel = ["-n", str(jobs)] if jobs > 1 else []
        status = pytest.main([*ARGUMENTS, *parallel, "--rootdir", str(directory), str(path)],
                             plugins=[gather])
    if gather.failure:
        raise gather.failure
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    return gather.verdicts
