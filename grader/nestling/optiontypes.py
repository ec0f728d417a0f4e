"""Values on the command lines: types for argparse. Empty ones count as not given."""

from __future__ import annotations

import argparse
import os
import re


def words(text: str) -> list[str]:
    """A list, with commas or blanks between its items."""
    return [word for word in re.split(r"[,\s]+", text) if word]


def numbers(text: str) -> list[int]:
    """A list of numbers."""
    if not all(word.isdecimal() for word in words(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers, like 1 or 1,2")
    return [int(word) for word in words(text)]


def track(text: str) -> str:
    """A track."""
    if text not in ("", "amd", "intel"):
        raise argparse.ArgumentTypeError(f"{text!r}: there are two tracks, amd and intel")
    return text


def seed(text: str) -> int | None:
    """A seed for random numbers."""
    if text and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: a seed is a number, 0 or more")
    return int(text) if text else None


def cpus() -> int:
    """How many things can be done side by side."""
    return len(os.sched_getaffinity(0))


def jobs(text: str) -> int:
    """How many things to do side by side; one for each CPU if not given."""
    if text and not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: a number, 1 or more")
    return int(text) if text else cpus()


def flag(text: str) -> bool:
    """Yes or no: 0 is no."""
    return text not in ("", "0")
