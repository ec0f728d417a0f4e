"""Tables of keys and values: of a TOML file, or of the comment on top of a source file.

A table is read key by key. Every mistake is a UserError that names the place and the key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from nestling import clex
from nestling.errors import UserError

ID = re.compile(r"[1-9][0-9]*\.[1-9][0-9]*")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FUNC = re.compile(r"\w+(?:[/.-]\w+)*\.[cS]:[A-Za-z_]\w*", re.ASCII)


class Table:
    """The keys that are left of a table called `where`."""

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where = where
        self.values = dict(values)
        self.known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def error(self, key: str, problem: str) -> UserError:
        return UserError(f"{self.where}: {key}: {problem}")

    def get(self, key: str, kind: type, what: str, default: Any = None) -> Any:
        """The value of `key`; `default` None means that the key is required."""
        self.known.append(key)
        if key not in self.values:
            if default is None:
                raise self.error(key, "is missing")
            return default
        value = self.values.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(key, f"must be {what}, not {value!r}")
        return value

    def raw(self, key: str, default: str | None = None) -> str:
        """A text as it is."""
        value: str = self.get(key, str, "a text", default)
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text without blanks around it; if it is required, it may not be empty."""
        value = self.raw(key, default).strip()
        if default is None and not value:
            raise self.error(key, "is empty")
        return value

    def name(self, key: str) -> str:
        value = self.text(key)
        if not NAME.fullmatch(value):
            raise self.error(key, f"must be small letters, digits and hyphens, not {value!r}")
        return value

    def number(self, key: str) -> int:
        value: int = self.get(key, int, "a number")
        if value <= 0:
            raise self.error(key, f"must be positive, not {value}")
        return value

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def file(self, key: str, folder: str, ends: Collection[str]) -> str:
        """A path within `folder`, with it in front."""
        value = self.text(key)
        self.check_file(key, value, ends)
        return f"{folder}/{value}"

    def check_file(self, key: str, value: str, ends: Collection[str]) -> None:
        if not re.fullmatch(r"\w+(?:[/.-]\w+)*", value, re.ASCII) or not value.endswith((*ends,)):
            raise self.error(key, f"must be a file of the lab's folder that ends in "
                             f"{' or '.join(ends)}, not {value!r}")

    def texts(self, key: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        values = self.get(key, list, "a list of texts", [])
        for value in values:
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise self.error(key, f"{value!r} is not acceptable here")
            if values.count(value) > 1:
                raise self.error(key, f"{value!r} is there twice")
        return tuple(values)

    def tables(self, key: str) -> list[dict[str, Any]]:
        values: list[Any] = self.get(key, list, "a list of tables", [])
        if not all(isinstance(value, dict) for value in values):
            raise self.error(key, "must be a list of tables")
        return values

    def refuse(self, key: str, why: str) -> None:
        """Raise UserError if `key` is there; `why` it has no place."""
        if key in self.values:
            raise self.error(key, why)

    def end(self) -> None:
        """Refuse the keys that nobody asked for."""
        for key in self.values:
            close = difflib.get_close_matches(key, self.known, 1)
            advice = f"did you mean {close[0]}?" if close else f"known: {', '.join(self.known)}"
            raise self.error(key, f"unknown key; {advice}")


def read_toml(root: Path, path: str) -> Table:
    """The TOML file `path` of the tree `root`."""
    try:
        return Table(path, tomllib.loads(clex.decode((root / path).read_bytes(), path)))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def headers(text: str, path: str, keys: Collection[str]) -> Table:
    """The `key: value` lines of a file's first comment; a line without one continues the last.

    The first of `keys` must come first.
    """
    found: dict[str, str] = {}
    key = ""
    for token in clex.lex(text, path)[:1]:
        for line in token.text.removesuffix("*/").split("\n"):
            line = line.strip().lstrip("/*").strip()
            match = re.match(r"([a-z]+):\s*(.*)", line)
            if match and match.group(1) in found:
                raise UserError(f"{path}: {match.group(1)}: is there twice")
            if match and (match.group(1) in keys or not key):
                key = match.group(1)
                found[key] = match.group(2)
            elif line and key:
                found[key] += " " + line
            elif line:
                raise UserError(f"{path}: the first comment must start with "
                                f"`{next(iter(keys))}: NAME`")
    return Table(path, found)
