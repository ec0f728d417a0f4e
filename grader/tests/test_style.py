"""cli_style.py: each rule has a file that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nestling.cli_style import check, main

GOOD = """\
/* A file in order. */
#include "lib/types.h"

/* One-liners are welcome. */
static inline int one(void) { return 1; }

int main(void)
{
    if (one())
            return 0;    /* aligned by hand */
    return 1;
}
""".replace("    ", "\t")


def test_a_file_in_order() -> None:
    assert not list(check(GOOD, "hv/x.c"))


@pytest.mark.parametrize("path, text, finding", [
    ("hv/x.c", "int a; \n", (1, "blanks at the end of the line")),
    ("hv/x.c", "int a;\n\n", (2, "an empty line at the end")),
    ("hv/x.c", "int a;", (1, "the last line does not end")),
    ("hv/x.S", "        ret\n", (1, "blanks where a tab belongs")),
    ("hv/x.S", "  \tret\n", (1, "blanks where a tab belongs")),
    ("hv/x.c", f"/*\t{'x' * 92}*/\n", (1, "102 columns; at most 100, please")),
    ("hv/x.c", "int f(void) {\n\treturn 1;\n}\n", (1, "the brace of f() belongs in column 0")),
    ("hv/x.c", "int f(void)\n{\n" + "\tg();\n" * 59 + "}\n",
     (2, "f() has 61 lines; at most 60, please")),
    ("hv/x.c", "int a;\n" * 701, (701, "701 lines; at most 700 in a file, please")),
    ("hv/x.S", "/* Words. */\n" + "\tnop\n" * 101,
     (1, "101 lines of assembly; at most 100, please")),
    ("hv/x.c", "int f(void)\n{\n\tif(1)\n\t\treturn 1;\n}\n", (3, "a blank belongs after `if`")),
    ("hv/x.c", "int a;\t// why\n", (1, "comments are /* like this */ here")),
    ("hv/dev/x.h", "#ifndef X_H\n#define X_H\n#endif\n",
     (1, "the include guard DEV_X_H is missing")),
    ("hv/x.h", "int a;\n", (1, "the include guard X_H is missing")),
])
def test_rules(path: str, text: str, finding: tuple[int, str]) -> None:
    assert list(check(text, path)) == [finding]


@pytest.mark.parametrize("path, guard", [
    ("hv/api.h", "API_H"), ("hv/dev/bus.h", "DEV_BUS_H"), ("hv/dev/bus.h", "HV_DEV_BUS_H"),
    ("guest/lib/guest.h", "GUEST_H"), ("guest/lib/guest.h", "GUEST_GUEST_H"),
    ("grader/unit/unit.h", "UNIT_H"),
])
def test_guards(path: str, guard: str) -> None:
    assert not list(check(f"#ifndef {guard}\n#define {guard}\n#endif\n", path))


def test_what_may_be_wide_or_long() -> None:
    assert not list(check("X" * 200 + "\n", "hv/x.def"))
    assert not list(check("\tnop\n" * 200, "hv/boot/loader.S"))
    assert not list(check("/* " + "x\n" * 200 + "*/\n\tnop\n", "hv/x.S"))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hv").mkdir()
    (tmp_path / "hv/good.c").write_text(GOOD)
    assert main(["--root", str(tmp_path)]) == 0
    (tmp_path / "hv/bad.c").write_text("int f(void)\n{\n")
    (tmp_path / "hv/wide.c").write_bytes(b"\xff\n")
    assert main(["--root", str(tmp_path)]) == 1
    bad, wide = capsys.readouterr().err.splitlines()
    assert bad.startswith("hv/bad.c:2: this { is never closed")
    assert wide.startswith("hv/wide.c:1: can't be read as text: 'utf-8' codec can't decode")
    assert main(["--root", str(tmp_path), "hv/good.c"]) == 0
