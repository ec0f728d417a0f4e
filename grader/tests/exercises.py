"""Exercises and labs, made by hand, for the tests of the grader."""

from __future__ import annotations

import re

from nestling.labs import Exercise, Func, Hint, Lab


def exercise(ident: str, track: str = "amd", needs: tuple[str, ...] = (),
             scenarios: tuple[str, ...] = ("first",), hints: tuple[Hint, ...] = ()) -> Exercise:
    """An exercise of 10 points."""
    lab = int(ident.split(".")[0])
    return Exercise(lab=lab, id=ident, track=track, kind="fill", title=f"Exercise {ident}",
                    funcs=(Func("hv/a.c", "f"),), points=10, needs=needs, scenarios=scenarios,
                    todo="Do it.", stub="", hints=hints, handout=f"labs/{lab:02}-x/README.md")


def hint(name: str, match: str) -> Hint:
    return Hint(name, re.compile(match), f"advice:\n{name}\n")


def lab(number: int, *exercises: Exercise) -> Lab:
    return Lab(number, f"Lab {number}", f"labs/{number:02}-x", exercises, ())
