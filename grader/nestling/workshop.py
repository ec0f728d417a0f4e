"""A copy of the project in which the exercises' bodies are exchanged, built, and run.

This is the quick way to try many versions of a few functions: `make` has one file to do, and the
scenarios run in this process.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from nestling import build, labs, tree
from nestling.build import Built, Site
from nestling.errors import UserError
from nestling.labs import Break, Exercise
from nestling.plan import Plan, Run, break_folder, breaks_of
from nestling.platforms import PLATFORMS
from nestling.plugin import perform
from nestling.splice import Piece
from nestling.verdict import Status, Verdict

# make takes this for its Makefile. What is wrong on purpose may well leave a variable unused; but a
# function without a result would have one by chance.
NO_WARNINGS = "GNUmakefile", """\
include Makefile
$(BUILD)/hv/%.o: HV_CFLAGS += -Wno-error -Werror=return-type
$(BUILD)/guest/%.elf: GUEST_CFLAGS += -Wno-error -Werror=return-type
"""
BUILT = (".flags", "hv", "guest", "boot", "hv.elf", "hv32.elf", "vmcheck")  # by `make all`
SEED = 1  # what is found in one test must be found in the next
SECONDS = 30.0  # for a run; what goes round in circles takes 2, what sleeps for ever all of them


class Workshop:
    """A copy of the project `root` in the directory `path`. It starts as the reference."""

    def __init__(self, root: Path, path: Path, jobs: int = 1) -> None:
        """Copy and build. Raises UserError, also if the project itself can't be built."""
        self.root = root
        self.path = path
        self._site = Site(path, "build")
        self._exercises = labs.all_exercises(labs.load(root, check_functions=False))
        for name in tree.project_files(root):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, path / name)
        self._reference = {path / name: (path / name).read_bytes()
                           for exercise in self._exercises for name in exercise.paths}
        for name in BUILT:
            _copy_if_there(root / "build" / name, self._site.built / name)
        file, text = NO_WARNINGS
        (path / file).write_text(text, encoding="ascii")
        built = build.make(self._site, jobs)
        if built.errors or built.fault:
            raise UserError(f"{root}: can't be built: {built.fault or built.errors[0]}")

    def arrange(self, stubs: Iterable[Exercise] = (),
                pieces: Iterable[tuple[Exercise, Piece]] = ()) -> Built:
        """Make the tree the reference but for these stubs and these bodies, and build it.

        Files that turn out as they were keep their age, so that make skips them. Raises UserError
        if a piece doesn't fit, or make can't do its work.
        """
        before = {file: (file.read_bytes(), file.stat()) for file in self._reference}
        for file, data in self._reference.items():
            file.write_bytes(data)
        for exercise in stubs:
            tree.put_stub(self.path, exercise)
        for exercise, piece in pieces:
            tree.put_body(self.path, exercise, piece)
        for file, (data, stat) in before.items():
            if file.read_bytes() == data:
                os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        built = build.make(self._site, 1)
        if built.fault:
            raise UserError(built.fault)
        return built

    def verdict(self, run: Run, seed: int = SEED) -> Verdict:
        """Make a run of what arrange() has built."""
        if run.broken and (trouble := build.make_breaks(self._site, self._breaks(run), 1)):
            return Verdict(Status.ERROR, reason=trouble)
        plan = Plan(self.root, self._site.built, seed, (run,), self.path)
        return perform(plan, run, SECONDS)

    def verdicts(self, runs: Sequence[Run], seed: int = SEED) -> dict[Run, Verdict]:
        """Make these runs, one by one."""
        return {run: self.verdict(run, seed) for run in runs}

    def _breaks(self, run: Run) -> dict[str, Break]:
        """The mistake in the hypervisor that a run needs; see build.make_breaks()."""
        return {break_folder(run): one for exercise in self._exercises
                if run.scenario in exercise.scenarios
                for one in breaks_of(exercise, PLATFORMS[run.platform]) if one.name == run.broken}


def _copy_if_there(source: Path, target: Path) -> None:
    """Copy what the project has built, with its age: make knows what of it is out of date."""
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
