"""The command `fuzz`: look for inputs that break one of the pure pieces.

Each target of grader/fuzz gets its share of the time. At the end stands what was tried, and how
many lines of the piece's files all inputs together reach. An input that breaks something is kept,
is tried first the next time, and makes the command fail.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nestling import build, fuzz, optiontypes
from nestling.build import Site
from nestling.cli_grade import STATUS_INTERRUPTED, STATUS_LOST, STATUS_USAGE
from nestling.errors import UserError
from nestling.fuzz import Effort, Result, Runner, Target
from nestling.report import PLAIN_WIDTH

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
COLUMNS = ("Executions", "Per second", "New inputs", "Lines reached", "Crashes")

EPILOG = """\
examples:
  scripts/fuzz                              all targets, a minute altogether
  scripts/fuzz --seconds 600 --target vmfile,elf
  scripts/fuzz --runs 20000 --seed 1        the same inputs each time

`make fuzz` does the same; there the options are T=, TARGET=, RUNS=, SEED= and JOBS=. A target is a
file grader/fuzz/fuzz_NAME.c; there is nothing else to do for a new one. What a run finds is in
build/fuzz/work/NAME: `rm -r` it to begin anew. Exit status: 0: nothing broke; 1: something did;
2: wrong usage.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words`; the exit status."""
    options = parser().parse_args(words)
    try:
        return run(options)
    except UserError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return STATUS_USAGE
    except BrokenPipeError:  # as in `fuzz | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        return STATUS_LOST
    except KeyboardInterrupt:
        print("\nfuzz: interrupted", file=sys.stderr)
        return STATUS_INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The command line."""
    assert __doc__
    words = argparse.ArgumentParser(
        prog="fuzz", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", metavar="T", type=_positive, default=SECONDS,
                       help=f"for all targets together; default: {SECONDS}")
    words.add_argument("--target", metavar="NAME[,NAME...]", type=optiontypes.words, default=[],
                       help="only these")
    words.add_argument("--runs", metavar="N", type=_positive, default=0,
                       help="instead of a time: so many inputs for each target")
    words.add_argument("--seed", metavar="N", type=optiontypes.seed, default=None,
                       help="of the random numbers; default: another one each time")
    words.add_argument("--jobs", metavar="N", type=optiontypes.jobs, default=optiontypes.cpus(),
                       help="how many targets to run side by side; default: one for each CPU")
    words.add_argument("--build", metavar="DIR", default=os.environ.get("BUILD", "build"),
                       help="the folder of the build, in the tree; default: build")
    return words


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: a number, 1 or more")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Do what the command line says; the exit status."""
    targets = choose(fuzz.load(ROOT), options.target)
    site = Site(ROOT, options.build)
    built = build.make(site, options.jobs, fuzz.goals(targets, options.build))
    if built.fault or built.errors:
        raise UserError(built.fault or built.errors[0])
    jobs = min(options.jobs, len(targets))
    seconds = 0 if options.runs else max(1.0, options.seconds / math.ceil(len(targets) / jobs))
    runner = Runner(ROOT, site.built, site.built / "fuzz/work",
                    Effort(seconds, options.runs, options.seed or 0))
    screen = Screen(targets, runner)
    screen.say(f"{len(targets)} targets, {jobs} at a time, each for " +
               (f"{options.runs} inputs" if options.runs else f"{seconds:.0f} s"))
    with screen.live() as show:
        for result in runner.results(targets, jobs):
            if result:
                screen.add(result)
            show()
    screen.say("")
    screen.console.print(screen.table())
    return 0 if all(result.ok for result in screen.done.values()) else STATUS_LOST


def choose(known: Sequence[Target], names: Sequence[str]) -> list[Target]:
    """The targets with these names, or all."""
    for name in names:
        if name not in [target.name for target in known]:
            raise UserError(f"there is no target {name}; there are "
                            f"{', '.join(target.name for target in known)}")
    return [target for target in known if not names or target.name in names]


class Screen:
    """What a person sees. In a terminal the table is there all the time."""

    def __init__(self, targets: Sequence[Target], runner: Runner) -> None:
        self.targets = targets
        self.runner = runner
        self.done: dict[Target, Result] = {}
        self.console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False,
                               markup=False, emoji=False,
                               no_color="NO_COLOR" in os.environ or None)

    def say(self, text: str, style: str = "") -> None:
        """One line."""
        self.console.print(Text(text, style), soft_wrap=True)

    @contextmanager
    def live(self) -> Iterator[Callable[[], None]]:
        """While this is open, what it yields shows how it goes."""
        if not self.console.is_terminal:
            yield lambda: None
            return
        with Live(console=self.console, get_renderable=self.table, transient=True) as screen:
            yield screen.refresh

    def add(self, result: Result) -> None:
        """One is done."""
        self.done[result.target] = result
        name = result.target.name
        if result.crash:
            self.say(f"{name}: broken by an input", "bold red")
            for line in result.crash.report:
                self.say(f"    {line}")
            self.say(f"  the input: {self._short(result.crash.file)}\n"
                     f"  again:     {self._short(result.crash.command)}")
        elif result.fault:
            self.say(f"{name}: {result.fault}", "bold red")
            self.say(f"  its log: {self._short(str(self.runner.folder(result.target) / 'log'))}")
        elif not self.console.is_terminal:
            self.say(f"{name}: {result.executions:,} executions, {result.new_inputs} new inputs")

    def _short(self, text: str) -> str:
        """Paths as seen from the tree."""
        return text.replace(f"{ROOT}/", "")

    def table(self) -> Table:
        """How it stands."""
        table = Table("Target", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in COLUMNS:
            table.add_column(column, justify="right")
        for target in self.targets:
            table.add_row(target.name, *self._cells(target))
        return table

    def _cells(self, target: Target) -> list[Text]:
        if target in self.runner.running:
            return [Text(f"{self.runner.running[target].executions:,}", "dim")]
        if target not in self.done:
            return [Text("waits", "dim")]
        result = self.done[target]
        reached = f"{100 * result.covered / result.lines:.1f} %" if result.lines else "?"
        return [Text(f"{result.executions:,}"),
                Text(f"{result.executions / max(result.seconds, 0.1):,.0f}"),
                Text(str(result.new_inputs)), Text(reached),
                Text("not run", "bold red") if result.fault else
                Text("1", "bold red") if result.crash else Text("0", "green")]


if __name__ == "__main__":
    sys.exit(main())
