"""Fuzz targets, grader/fuzz/fuzz_NAME.*: what there are, and to run some of them for a while.

A target in C is built twice by project.mk, with libFuzzer. One in Python is a program that takes
the same options and prints the same figures, and runs properties with Hypothesis instead.
grader/fuzz/fuzz.h says what stands in the head of a target.

What a run leaves is in a folder of the target's own:

    corpus/    inputs that reached something new; the next run starts with them
    crashes/   inputs that broke something; the next run tries these first, too
    log        what the fuzzer said
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nestling.clex import read
from nestling.compare import printable
from nestling.errors import UserError
from nestling.table import headers

FOLDER = "grader/fuzz"
KEYS = ("fuzz", "covers", "seeds", "size", "dict")
SIZE = 4096  # bytes of an input
INPUT_SECONDS = 10  # for one input; the usual takes less than a millisecond
MEGABYTES = 1024
GRACE = 120.0  # seconds more than asked for, until a fuzzer is killed
REPORT_LINES = 12
COVER_RUNS = 200  # of a target in Python, which keeps no corpus

COUNT = re.compile(rb"^#(\d+)\s", re.MULTILINE)
STAT = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
SAVED = re.compile(r"Test unit written to (\S+)")
# Where a report begins: what MUST() says, UBSan, the other sanitizers, a property in Python.
REPORT = re.compile(r": not true: |: runtime error: |ERROR: |^Falsifying example")
CALL = re.compile(r"\s+#\d+ 0x")
OURS = re.compile(r"/(?:hv|grader)/[^ ]+:\d+")
PYTHON = [sys.executable, "-P"]


@dataclass(frozen=True)
class Target:
    """A target, and what its head says."""

    name: str
    path: str  # in the tree
    what: str
    covers: tuple[str, ...]  # paths in the tree
    seeds: tuple[str, ...] = ()  # folders, in the tree or, as "build/...", in the build
    size: int = SIZE
    words: tuple[str, ...] = ()  # for the dictionary, each in quotes

    @property
    def in_python(self) -> bool:
        """Is it a program for Hypothesis, and not one for libFuzzer?"""
        return self.path.endswith(".py")


def load(root: Path) -> tuple[Target, ...]:
    """The targets of the tree, by name. Raises UserError."""
    return tuple(sorted((_target(root, file.relative_to(root).as_posix())
                         for suffix in ("c", "py")
                         for file in (root / FOLDER).glob(f"fuzz_*.{suffix}")),
                        key=lambda target: target.name))


def _target(root: Path, path: str) -> Target:
    text = read(root / path, path)
    if path.endswith(".py"):
        text = f"/*\n{ast.get_docstring(ast.parse(text))}\n*/"
    table = headers(text, path, KEYS)
    what = table.text("fuzz")
    covers = tuple(f"hv/{word}" if path.endswith(".c") else f"grader/{word}"
                   for word in table.text("covers").split())
    for file in covers:
        if not (root / file).is_file():
            raise table.error("covers", f"there is no {file}")
    size = table.text("size", str(SIZE))
    if not size.isdecimal() or not int(size):
        raise table.error("size", f"must be a number of bytes, not {size!r}")
    name = Path(path).stem.removeprefix("fuzz_")
    own = f"{FOLDER}/corpus/{name}"
    seeds = ([own] if (root / own).is_dir() else []) + table.text("seeds", "").split()
    words = tuple(re.findall(r'"[^"]+"', table.text("dict", "")))
    table.end()
    return Target(name, path, what, covers, tuple(seeds), int(size), words)


def goals(targets: Sequence[Target], build: str) -> list[str]:
    """What make has to build for them."""
    return [f"{build}/fuzz/{kind}/{target.name}" for target in targets if not target.in_python
            for kind in ("search", "cover")] + ["guests"]  # seeds for the loaders


@dataclass(frozen=True)
class Effort:
    """How long to look: for some seconds, or for so many inputs and always the same ones."""

    seconds: float = 0.0
    runs: int = 0
    seed: int = 0  # 0: another one each time

    @property
    def options(self) -> list[str]:
        """For the fuzzer."""
        return ([f"-runs={self.runs}"] if self.runs else [f"-max_total_time={self.seconds:.0f}"]
                ) + ([f"-seed={self.seed}"] if self.seed else [])


@dataclass(frozen=True)
class Crash:
    """An input that broke something."""

    report: tuple[str, ...]  # the first lines
    file: str
    command: str  # which shows it again


@dataclass(frozen=True)
class Result:
    """What came of a target."""

    target: Target
    executions: int = 0
    seconds: float = 0.0
    new_inputs: int = 0
    lines: int = 0  # of the files that it covers; 0: not known
    covered: int = 0
    crash: Crash | None = None
    fault: str = ""  # why it could not be run to its end

    @property
    def ok(self) -> bool:
        """Did it run, and nothing break?"""
        return not (self.crash or self.fault)


@dataclass
class Runner:
    """Runs targets of the tree `root`, as built in `built`; each has a folder in `work`."""

    root: Path
    built: Path
    work: Path
    effort: Effort
    running: dict[Target, Search] = field(default_factory=dict)

    def results(self, targets: Sequence[Target], jobs: int) -> Generator[Result | None, None, None]:
        """Run them, `jobs` at a time; the results as they come, and None now and then.

        No process is left when the iterator is closed.
        """
        waiting = list(targets)
        try:
            while waiting or self.running:
                while waiting and len(self.running) < jobs:
                    target = waiting.pop(0)
                    self.running[target] = Search(self, target)
                time.sleep(0.1)
                for target, search in list(self.running.items()):
                    if search.is_over():
                        del self.running[target]
                        yield search.result()
                yield None
        finally:
            for search in self.running.values():
                search.stop()

    def seeds(self, target: Target) -> list[Path]:
        """Folders with inputs to start from."""
        folders = [self.built / seed.removeprefix("build/") if seed.startswith("build/")
                   else self.root / seed for seed in target.seeds]
        return [self.folder(target) / "crashes"] + [one for one in folders if one.is_dir()]

    def folder(self, target: Target) -> Path:
        """Where a target's corpus and crashes are."""
        return self.work / target.name

    def command(self, target: Target, kind: str = "search") -> list[str]:
        """The program, without its options."""
        if target.in_python:
            return [*PYTHON, str(self.root / target.path)]
        return [str(self.built / "fuzz" / kind / target.name)]


class Search:
    """A fuzzer that runs."""

    def __init__(self, runner: Runner, target: Target) -> None:
        self.runner, self.target = runner, target
        self.folder = runner.folder(target)
        for name in ("corpus", "crashes"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "dict").write_text("\n".join([f"# of {target.path}", *target.words, ""]))
        words = [*runner.command(target), *runner.effort.options, f"-max_len={target.size}",
                 f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEGABYTES}", "-detect_leaks=0",
                 "-print_final_stats=1", f"-dict={self.folder / 'dict'}",
                 f"-artifact_prefix={self.folder / 'crashes'}/", str(self.folder / "corpus"),
                 *map(str, runner.seeds(target))]
        self.killed = False
        self.start = time.monotonic()
        with open(self.folder / "log", "wb") as log:
            try:
                self.process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
            except OSError as error:
                raise UserError(f"{words[0]}: can't be started: {error.strerror}") from None

    @property
    def seconds(self) -> float:
        """How long it has been at it."""
        return time.monotonic() - self.start

    @property
    def executions(self) -> int:
        """About how many, so far."""
        with open(self.folder / "log", "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            counts = COUNT.findall(log.read())
        return int(counts[-1]) if counts else 0

    def is_over(self) -> bool:
        """Has it ended? It's killed if it should have long ago."""
        if self.seconds > self.runner.effort.seconds + GRACE + INPUT_SECONDS:
            self.killed = True
            self.stop()
        return self.process.poll() is not None

    def stop(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()

    def result(self) -> Result:
        """What came of it, when it is over."""
        seconds = self.seconds
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        stats = {name: int(value) for name, value in STAT.findall(log)}
        lines, covered = coverage(self.runner, self.target)
        saved = SAVED.search(log)
        crash, fault = None, ""
        if saved:
            crash = Crash(tuple(_report(log)), saved[1],
                          shlex.join([*self.runner.command(self.target), saved[1]]))
        elif self.killed:
            fault = f"it did not end, and was killed after {seconds:.0f} s"
        elif self.process.returncode:
            last = next(reversed(log.strip().splitlines()), "it said nothing")
            fault = f"ended with status {self.process.returncode}: {printable(last)}"
        return Result(self.target, stats.get("number_of_executed_units", self.executions), seconds,
                      stats.get("new_units_added", 0), lines, covered, crash, fault)


def _report(log: str) -> Iterator[str]:
    """The lines that tell most of a crash, without calls that are none of ours."""
    lines = log.splitlines()
    first = next((at for at, line in enumerate(lines) if REPORT.search(line)), 0)
    telling = [line for line in lines[first:] if not CALL.match(line) or OURS.search(line)]
    for line in telling[:REPORT_LINES]:
        yield printable(line.rstrip())


# ---- Coverage ------------------------------------------------------------------------------------


def coverage(runner: Runner, target: Target) -> tuple[int, int]:
    """How many lines the covered files have, and how many the corpus reaches; (0, 0): unknown."""
    try:
        return _python_lines(runner, target) if target.in_python else _c_lines(runner, target)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return 0, 0  # not worth a failure


def _c_lines(runner: Runner, target: Target) -> tuple[int, int]:
    folder = runner.folder(target)
    program, = runner.command(target, "cover")
    raw, merged = folder / "cover.profraw", folder / "cover.profdata"
    seeds = [str(seed) for seed in runner.seeds(target) if seed.name != "crashes"]
    _run([program, "-runs=0", f"-max_len={target.size}", str(folder / "corpus"), *seeds],
         LLVM_PROFILE_FILE=str(raw))
    _run(["llvm-profdata", "merge", "-sparse", str(raw), "-o", str(merged)])
    data = json.loads(_run(["llvm-cov", "export", "-summary-only", f"-instr-profile={merged}",
                            program]))
    sums = [file["summary"]["lines"] for file in data["data"][0]["files"]
            if any(Path(file["filename"]).match(path) for path in target.covers)]
    return sum(one["count"] for one in sums), sum(one["covered"] for one in sums)


def _python_lines(runner: Runner, target: Target) -> tuple[int, int]:
    data = f"--data-file={runner.folder(target) / 'coverage'}"
    _run([*PYTHON, "-m", "coverage", "run", data,
          f"--include={','.join(str(runner.root / path) for path in target.covers)}",
          str(runner.root / target.path), f"-runs={COVER_RUNS}", "-seed=1"])
    totals = json.loads(_run([*PYTHON, "-m", "coverage", "json", data, "-o", "-", "-q"]))["totals"]
    return totals["num_statements"], totals["covered_lines"]


def _run(words: Sequence[str], **env: str) -> str:
    return subprocess.run(words, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          timeout=GRACE, check=True).stdout
