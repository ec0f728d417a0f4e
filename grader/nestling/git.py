"""Running git, deaf to the surroundings: variables, hooks and signing that the user has set."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from nestling.errors import UserError

AUTHOR = ("Nestling", "nestling@localhost")  # if git knows no name for the user
_QUIET = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false"]


def run(where: Path, *words: str, data: str = "", env: Mapping[str, str] | None = None,
        accept: Collection[int] = (0,)) -> str:
    """What git says to the command `words` in the folder `where`.

    Args:
        data: what git reads.
        env: more variables. Those that a git which may have started us has set are not passed on.
        accept: exit statuses that are no error.

    Raises UserError if git fails, with its own words.
    """
    own = {key: value for key, value in os.environ.items()
           if not key.startswith("GIT_") or key.startswith("GIT_CONFIG")}
    try:
        done = subprocess.run(["git", *_QUIET, *words], cwd=where, env={**own, **(env or {})},
                              input=data.encode("utf-8", "surrogateescape"), capture_output=True,
                              check=False)
    except OSError as error:
        raise UserError(f"git can't be started: {error.strerror}") from None
    if done.returncode not in accept:
        problem = done.stderr.decode("utf-8", "replace").strip() or f"status {done.returncode}"
        raise UserError(f"{where}: git {words[0]}: {problem}")
    return done.stdout.decode("utf-8", "surrogateescape")


def identity(where: Path) -> dict[str, str]:
    """Variables that give git a name for the user, in case it has none."""
    found: dict[str, str] = {}
    for what, key, value in zip(("NAME", "EMAIL"), ("user.name", "user.email"), AUTHOR):
        if not run(where, "config", "--default", "", "--get", key).strip():
            found |= {f"GIT_AUTHOR_{what}": value, f"GIT_COMMITTER_{what}": value}
    return found


def as_author(when: str) -> dict[str, str]:
    """Variables that make commits the same for everybody, made at the time `when`."""
    found: dict[str, str] = {}
    for who in ("AUTHOR", "COMMITTER"):
        found |= {f"GIT_{who}_NAME": AUTHOR[0], f"GIT_{who}_EMAIL": AUTHOR[1],
                  f"GIT_{who}_DATE": when}
    return found


def is_top(where: Path) -> bool:
    """Is `where` the top folder of a repository? Raises UserError if it is in none at all."""
    top = run(where, "rev-parse", "--show-toplevel").rstrip("\n")
    return Path(top).resolve() == where.resolve()


def is_clean(tree: Path, path: str) -> bool:
    """Is `path` in `tree` as it was last committed?"""
    return run(tree, "status", "--porcelain", "--", path) == ""
