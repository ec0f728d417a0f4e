"""Build a tree with its own Makefile, and tell a student's mistake from this computer's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nestling.verdict import printable

SECONDS = 600.0
ERRORS_MAX = 5
# The compiler: "hv/x.c:12:3: error: ..."; the assembler: "hv/x.S:12: Error: ...".
COMPILER = re.compile(r"(?P<place>[^\s:]+\.[chSs]:\d+)(?::\d+)?: (?:fatal )?[eE]rror: (?P<what>.*)")
LINKER = re.compile(
    r"(?:\S*ld: )?(?P<place>[^\s:]+\.[chS]:\d+|[^\s:]+\.o)(?::\S+)?: "
    r"(?P<what>(?:undefined reference|multiple definition).*)")


@dataclass(frozen=True)
class Built:
    """What came of a build. Both empty: all is well."""

    errors: tuple[str, ...] = ()  # of the code, "hv/hvm/svm.c:123: error: ..."
    fault: str = ""  # why it could not even be tried


def make(tree: Path, build: str, jobs: int) -> Built:
    """Build everything in `tree`; `build` is the Makefile's BUILD, as the user gives it."""
    if not (tree / "Makefile").is_file():
        return Built(fault=f"{tree}: there is no Makefile; is this a tree of Nestling?")
    if not shutil.which("make"):
        return Built(fault="make is missing: apt install make")
    words = ["make", "--no-print-directory", "-C", str(tree), f"-j{jobs}", f"BUILD={build}", "all"]
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
