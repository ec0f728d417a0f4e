"""Build a tree with its own Makefile, and tell a student's mistake from this computer's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nestling import clex, splice
from nestling.clex import Refused
from nestling.compare import printable
from nestling.labs import Break

SECONDS = 600.0
ERRORS_MAX = 5
# The compiler: "hv/x.c:12:3: error: ..."; the assembler: "hv/x.S:12: Error: ...".
COMPILER = re.compile(r"(?P<place>[^\s:]+\.[chSs]:\d+)(?::\d+)?: (?:fatal )?[eE]rror: (?P<what>.*)")
LINKER = re.compile(
    r"(?:\S*ld: )?(?P<place>[^\s:]+\.[chS]:\d+|[^\s:]+\.o)(?::\S+)?: "
    r"(?P<what>(?:undefined reference|multiple definition).*)")


@dataclass(frozen=True)
class Site:
    """A tree, and the Makefile's BUILD in it."""

    tree: Path
    build: str

    @property
    def built(self) -> Path:
        """The folder with all that is built."""
        return self.tree / self.build

    @property
    def copy(self) -> Site:
        """A copy of the tree, in which earlier exercises may be the reference's."""
        return Site(self.built / "assume" / "tree", "build")


@dataclass(frozen=True)
class Built:
    """What came of a build. Both empty: all is well."""

    errors: tuple[str, ...] = ()  # of the code, "hv/hvm/svm.c:123: error: ..."
    fault: str = ""  # why it could not even be tried


def make(site: Site, jobs: int, goals: Iterable[str] = ("all",)) -> Built:
    """Build `goals`, of the Makefile."""
    if not (site.tree / "Makefile").is_file():
        return Built(fault=f"{site.tree}: there is no Makefile; is this a tree of Nestling?")
    if not shutil.which("make"):
        return Built(fault="make is missing: apt install make")
    words = ["make", "--no-print-directory", "-C", str(site.tree), f"-j{jobs}",
             f"BUILD={site.build}", *goals]
    # The options of a make that may have started us are not for this one; its variables are.
    env = {key: value for key, value in os.environ.items()
           if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Built(fault=f"make was not done after {SECONDS:g} seconds")
    except OSError as error:
        return Built(fault=f"make can't be started: {error.strerror}")
    if done.returncode == 0:
        return Built()
    return explain(done.stdout.decode("utf-8", "replace"))


def make_breaks(site: Site, breaks: Mapping[str, Break], jobs: int) -> str:
    """Build the hypervisor once with each of `breaks`; why it can't be done, or "".

    A break's key is its folder in the build. That is like a build of its own, but for one object.
    """
    for folder, one in breaks.items():
        try:
            _prepare(site.tree, site.built / folder, one)
        except OSError as error:
            return f"{site.built / folder}: can't be written: {error.strerror}"
        except Refused as error:
            return f"the break {one.name} does not fit this tree: {error}"
    built = make(site, jobs, [f"{site.build}/{folder}/hv32.elf" for folder in breaks])
    return built.fault or (f"a break does not compile: {built.errors[0]}" if built.errors else "")


def _prepare(tree: Path, folder: Path, one: Break) -> None:
    """Put the file with a break into its folder, and the rest of the build at its side."""
    text = clex.read(tree / one.func.path, one.func.path)
    data = splice.put(text, one.func.name, one.piece(), one.func.path).encode()
    file = folder / one.func.path
    for other in (folder / "hv").rglob("*.[cS]"):
        if other != file:
            other.unlink()  # of a break that had this name once
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_bytes() != data:
        file.write_bytes(data)
    for name in ("guest", "boot"):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("../../..") / name)


def explain(output: str) -> Built:
    """Why a build failed: the first errors of the code, if there are any, else the last line."""
    found = []
    for line in output.splitlines():
        match = COMPILER.match(line) or LINKER.match(line)
        if match:
            found.append(printable(f"{match['place']}: error: {match['what']}"))
    if found:
        return Built(tuple(dict.fromkeys(found))[:ERRORS_MAX])
    if "gcc: not found" in output or "gcc: No such file" in output:
        return Built(fault="gcc is missing: apt install gcc")
    lines = output.strip().splitlines() or ["make gave no reason"]
    complaints = [line for line in lines if "***" not in line] or lines
    return Built(fault=f"make failed: {printable(complaints[-1].strip())}")
