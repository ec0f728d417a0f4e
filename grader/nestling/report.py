"""What a person sees of a grading: lines as it goes, then a table, then the story of each loss."""

from __future__ import annotations

import os
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from nestling.build import Site
from nestling.grade import Grade, Grades, Outcome, stub_reached
from nestling.plan import Run, break_folder
from nestling.platforms import PLATFORMS, Platform
from nestling.verdict import Status, Verdict

COLOURS = {Status.PASSED: "green", Status.FAILED: "red", Status.SKIPPED: "yellow",
           Status.ERROR: "magenta"}
PLAIN_WIDTH = 100  # columns, where there is no terminal
FINDINGS_MAX = 4
INDENT = 14  # of the texts in a story


@dataclass(frozen=True)
class Commands:
    """What to type for this or that; as short as the present directory allows."""

    root: Path  # has the Makefile and scripts/
    tree: Path  # that was graded
    build: str  # as given to make
    model: str = ""  # CPU model, as the user gave it
    assume: bool = False
    words: Mapping[str, str] = field(default_factory=dict)  # of a scenario, for the hypervisor

    @property
    def built(self) -> Path:
        """What was run is here."""
        site = Site(self.tree, self.build)
        return site.copy.built if self.assume else site.built

    def grade(self, exercise: str, run: Run, seed: int) -> str:
        """Makes one run of an exercise again."""
        words = ["make"] + ([] if self.root == Path.cwd() else ["-C", str(self.root)]) + ["grade"]
        if self.tree != self.root:
            words.append(f"TREE={self.tree}")
        if self.build != "build":
            words.append(f"BUILD={self.build}")
        words += [f"EX={exercise}", f"ON={run.platform}", f"SEED={seed}"]
        words += [f"MODEL={run.model}"] if run.model and run.model == self.model else []
        return shlex.join(words + (["ASSUME=1"] if self.assume else []))

    def gdb(self, run: Run, platform: str) -> str:
        """Opens one run in gdb."""
        words = [_short(self.root / "scripts" / "run"),
                 _short(self.built / "grade" / f"{run.scenario}.vm"), "--on", platform, "--gdb"]
        if run.model and platform == run.platform:
            words += ["--model", run.model]
        if self.words.get(run.scenario):
            words += ["--cmdline", self.words[run.scenario]]
        build = self.built / break_folder(run) if run.broken else self.built
        if build != self.root / "build":
            words += ["--build", _short(build)]
        return shlex.join(words)


def _short(path: Path) -> str:
    """A path as seen from the present directory, if it is below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


class Screen:
    """Writes to a terminal, in colour, or to whatever standard output is instead."""

    def __init__(self, commands: Commands, console: Console | None = None) -> None:
        self._commands = commands
        self._console = console or Console(
            width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False, markup=False,
            emoji=False, no_color="NO_COLOR" in os.environ or None)

    def say(self, text: str, style: str = "") -> None:
        """One line."""
        self._console.print(Text(text, style), soft_wrap=True)

    @contextmanager
    def progress(self, count: int) -> Iterator[Callable[[Run, Verdict], None]]:
        """While `count` runs are being made: call the result with each that is done."""
        bar = Progress(TextColumn("  grading"), BarColumn(), MofNCompleteColumn(),
                       console=self._console, transient=True)
        task = bar.add_task("", total=count)

        def done(run: Run, verdict: Verdict) -> None:
            line = Text("  ").append(f"{verdict.status:8}", COLOURS[verdict.status])
            line.append(f"{run.name:44}{verdict.seconds:6.1f} s")
            self._console.print(line)
            bar.advance(task)

        if self._console.is_terminal:
            with bar:
                yield done
        else:
            yield done

    def table(self, grades: Grades) -> None:
        """The exercises and their points."""
        if grades.assumed:
            names = ", ".join(map(str, grades.assumed))
            self.say(f"assumed, with the reference in their place, and not graded: {names}",
                     "yellow")
        table = Table("Exercise", "Track", "Title", "Points", box=None, pad_edge=False,
                      padding=(0, 2, 0, 0))
        platforms = grades.choice.platforms
        for platform in platforms:
            table.add_column(platform.key)
        table.add_column("Result")
        for grade in grades.grades:
            exercise = grade.exercise
            table.add_row(exercise.id, exercise.track, exercise.title,
                          f"{grade.score}/{exercise.points}",
                          *(_cell(grade, platform) for platform in platforms),
                          Text(grade.status.value + (", taken" if grade.is_taken else ""),
                               COLOURS[grade.status]))
        self._console.print()
        self._console.print(table)

    def losses(self, grades: Grades) -> None:
        """Why the exercises that did not pass did not."""
        for text in grades.built.errors:
            self.say(f"  {text}", "red")
        lost = [grade for grade in grades.grades if grade.status is not Status.PASSED]
        for (status, reason), group in groupby(lost, lambda one: (one.status, one.hint)):
            alike = list(group)
            if status is Status.SKIPPED and len(alike) > 1:
                self._skipped(alike, reason)
            else:
                for grade in alike:
                    self._loss(grade, grades.seed)

    def summary(self, grades: Grades) -> None:
        """The last lines: what was missing, and the sum."""
        self.say("")
        for platform in grades.choice.platforms:
            if not platform.probe().ok:
                self.say(f"not used: {platform.key}: {platform.probe().reason}", "yellow")
        taken = [str(grade.exercise) for grade in grades.grades if grade.is_taken]
        if taken:
            self.say(f"taken from the release: earns nothing: {', '.join(taken)}", "yellow")
        lost = [(Status.SKIPPED, "skipped, for the reasons above"),
                (Status.ERROR, "not graded, through no fault of the code")]
        for status, meaning in lost:
            points = sum(grade.exercise.points for grade in grades.grades
                         if grade.status is status)
            if points:
                self.say(f"{points} points were {meaning}", COLOURS[status])
        style = "bold green" if grades.passed else "bold"
        self.say(f"score {grades.score} of {grades.max}   (seed {grades.seed})", style)

    def _skipped(self, alike: Sequence[Grade], reason: str) -> None:
        """Exercises that were skipped for the same reason."""
        points = sum(grade.exercise.points for grade in alike)
        self.say("")
        self.say(f"{alike[0].exercise} to {alike[-1].exercise}: skipped, 0 of {points} points",
                 f"bold {COLOURS[Status.SKIPPED]}")
        self._block("reason", reason)

    def _loss(self, grade: Grade, seed: int) -> None:
        """The story of one exercise."""
        exercise = grade.exercise
        self.say("")
        self.say(f"{exercise.id} ({exercise.track}) {exercise.title}: {grade.status}, "
                 f"{grade.score} of {exercise.points} points", f"bold {COLOURS[grade.status]}")
        told = [one for one in grade.bad if not stub_reached(one.verdict)]
        if grade.status is Status.SKIPPED or not told:
            self._block("hint" if grade.status is Status.FAILED else "reason", grade.hint)
            return
        for alike in alike_outcomes(told):
            self._story(exercise.id, alike, seed)

    def _story(self, exercise: str, alike: Sequence[Outcome], seed: int) -> None:
        """One way in which an exercise failed; `alike` are the runs that failed so."""
        first = alike[0]
        self.say(f"  {first.run.name}")
        for finding in first.verdict.findings[:FINDINGS_MAX]:
            if finding.expected:
                self._block("expected", f"{finding.what}: {finding.expected}")
                self._block("seen", finding.seen)
            else:
                self._block("seen", str(finding))
        more = len(first.verdict.findings) - FINDINGS_MAX
        if more > 0:
            self._block("", f"and {more} more (JSON=FILE has them all)")
        is_error = first.verdict.status is Status.ERROR
        self._block("reason" if is_error else "hint", first.hint)
        for number, line in enumerate(first.verdict.log):
            self._block("" if number else "log", f"| {line}", wrap=False)
        if len(alike) > 1:
            self._block("likewise", ", ".join(one.run.name for one in alike[1:]))
        self._block("again", self._commands.grade(exercise, first.run, seed), wrap=False)
        if not is_error:
            self._gdb(alike)

    def _gdb(self, alike: Sequence[Outcome]) -> None:
        """How to watch it in gdb; Bochs has no server for that, but maybe another platform."""
        run, platform = gdb_run(alike)
        command = self._commands.gdb(run, platform)
        if platform == alike[0].run.platform:
            self._block("gdb", command, wrap=False)
        else:
            self._block("gdb", f"Bochs has no gdb server; {_instead(platform)}:")
            self._block("", command, wrap=False)

    def _block(self, title: str, text: str, wrap: bool = True) -> None:
        """A text with a title at its left. Commands and logs are not wrapped."""
        room = max(self._console.width - INDENT, 40)
        lines = textwrap.wrap(text, room, break_on_hyphens=False) if wrap else [text]
        for line in lines or [""]:
            self.say(f"    {title:10}{line}")
            title = ""


def _cell(grade: Grade, platform: Platform) -> Text:
    """How an exercise did on one platform."""
    outcomes = [one for one in grade.outcomes if one.run.platform == platform.key]
    if not outcomes:
        return Text("-")
    good = sum(one.verdict.status is Status.PASSED for one in outcomes)
    return Text(f"{good}/{len(outcomes)}", "green" if good == len(outcomes) else "red")


def alike_outcomes(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Outcomes in groups that need only one story: the same hint, or the same evidence."""
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        evidence = one.verdict.evidence[:1]
        groups.setdefault(one.hint_name or "".join(evidence) or one.hint, []).append(one)
    return list(groups.values())


def gdb_run(alike: Sequence[Outcome]) -> tuple[Run, str]:
    """Which of these runs to open in gdb, and the platform to do it on."""
    for one in alike:
        if PLATFORMS[one.run.platform].takes_gdb:
            return one.run, one.run.platform
    run = alike[0].run
    return run, "tcg" if PLATFORMS[run.platform].isa == "svm" else "kvm"


def _instead(platform: str) -> str:
    if platform == "tcg":
        return "the same machine on QEMU does"
    return "a computer with nested KVM on an Intel CPU does"
