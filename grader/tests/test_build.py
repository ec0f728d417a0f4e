"""build.py: whose fault it is that a tree can't be built."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nestling.build import Built, Site, explain, make, make_breaks
from nestling.labs import Break, Func

GCC = """\
  CC    hv/hvm/svm.c
In file included from hv/hvm/svm.c:5:
hv/hvm/svm.c: In function 'svm_init_guest':
hv/hvm/svm.c:174:10: error: 'struct vmcb' has no member named 'nonsense'
  174 |         c->nonsense = 1;
      |          ^~
hv/hvm/svm.c:180: warning: something
hv/lib/x.h:3:9: fatal error: no.h: No such file or directory
make: *** [Makefile:50: build/hv/hvm/svm.c.o] Error 1
"""
ASSEMBLER = """\
hv/hvm/svm_enter.S: Assembler messages:
hv/hvm/svm_enter.S:33: Error: no such instruction: `vmrum'
make: *** [Makefile:50: build/hv/hvm/svm_enter.S.o] Error 1
"""
LINKER = """\
/usr/bin/ld: build/hv/hvm/svm.c.o: in function `svm_vcpu_init':
/home/ada/nestling/hv/hvm/svm.c:200: undefined reference to `no_such'
/usr/bin/ld: hv/hvm/svm.c:201:(.text+0x3): undefined reference to `nor_this'
/usr/bin/ld: build/hv/a.c.o:(.bss+0x0): multiple definition of `twice'; build/hv/b.c.o: first
collect2: error: ld returned 1 exit status
"""


def test_the_compilers_words() -> None:
    assert explain(GCC).errors == (
        "hv/hvm/svm.c:174: error: 'struct vmcb' has no member named 'nonsense'",
        "hv/lib/x.h:3: error: no.h: No such file or directory")


def test_the_assemblers_words() -> None:
    assert explain(ASSEMBLER).errors == (
        "hv/hvm/svm_enter.S:33: error: no such instruction: `vmrum'",)


def test_the_linkers_words() -> None:
    errors = explain(LINKER).errors
    assert errors[0].endswith("hv/hvm/svm.c:200: error: undefined reference to `no_such'")
    assert errors[1] == "hv/hvm/svm.c:201: error: undefined reference to `nor_this'"
    assert "multiple definition of `twice'" in errors[2]


def test_only_the_first_errors_and_nothing_that_is_bad_for_a_terminal() -> None:
    many = "".join(f"a.c:{line}:1: error: bad \x1b[31m\n" for line in range(1, 50))
    errors = explain(many).errors
    assert len(errors) == 5
    assert errors[0] == "a.c:1: error: bad ?[31m"


@pytest.mark.parametrize("output, fault", [
    ("/bin/sh: 1: gcc: not found\nmake: *** [x] Error 127\n", "gcc is missing: apt install gcc"),
    ("make: *** No rule to make target 'all'.  Stop.\n", "make failed: make: *** No rule"),
    ("cp: no space left\nmake: *** [x] Error 1\n", "make failed: cp: no space left"),
    ("", "make failed: make gave no reason"),
])
def test_faults_of_the_computer(output: str, fault: str) -> None:
    built = explain(output)
    assert built.errors == () and built.fault.startswith(fault)


def test_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "n")  # of a make that started us
    (tmp_path / "Makefile").write_text("all:\n\techo $(BUILD) > out\n")
    assert make(Site(tmp_path, "elsewhere"), 2) == Built()
    assert (tmp_path / "out").read_text() == "elsewhere\n"
    (tmp_path / "Makefile").write_text("all:\n\t@echo 'a.c:1:2: error: no'; false\n")
    assert make(Site(tmp_path, "build"), 2) == Built(errors=("a.c:1: error: no",))


A_C = "int f(void)\n{\n\treturn 1;\n}\n\nint g(void)\n{\n\treturn 2;\n}\n"
MAKEFILE = """\
$(BUILD)/breaks/%/hv32.elf: $(BUILD)/breaks/%/hv/core/a.c
\techo $* >> log; cp $< $@
"""


def a_break(name: str, body: str) -> Break:
    text = f"/* break: {name} */\nint f(void)\n{{\n\t{body}\n}}\n"
    return Break(name, "amd", Func("hv/core/a.c", "f"), f"breaks/{name}.c", text, "")


def test_breaks(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "hv/core").mkdir(parents=True)
    (tmp_path / "hv/core/a.c").write_text(A_C)
    stale = tmp_path / "out/breaks/amd/three/hv/core/old.c"
    stale.parent.mkdir(parents=True)
    stale.touch()
    site = Site(tmp_path, "out")
    breaks = {f"breaks/amd/{name}": a_break(name, f"return {name};") for name in ("three", "four")}
    for _ in range(2):
        assert make_breaks(site, breaks, 2) == ""
    assert sorted((tmp_path / "log").read_text().split()) == ["amd/four", "amd/three"]
    folder = tmp_path / "out/breaks/amd/three"
    assert (folder / "hv32.elf").read_text() == A_C.replace("return 1", "return three")
    assert (folder / "guest").readlink() == Path("../../../guest")
    assert not stale.exists()
    assert (tmp_path / "hv/core/a.c").read_text() == A_C


def test_a_break_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("%.elf:\n\t@echo 'hv/core/a.c:3:2: error: no'; false\n")
    (tmp_path / "hv/core").mkdir(parents=True)
    file = tmp_path / "hv/core/a.c"
    site, breaks = Site(tmp_path, "out"), {"breaks/amd/three": a_break("three", "return 3;")}
    file.write_text("int g(void) { return 0; }\n")
    assert make_breaks(site, breaks, 2).startswith(
        "the break three does not fit this tree: hv/core/a.c:")
    file.write_text(A_C)
    assert make_breaks(site, breaks, 2) == "a break does not compile: hv/core/a.c:3: error: no"


def test_make_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no Makefile" in make(Site(tmp_path, "build"), 2).fault
    (tmp_path / "Makefile").write_text("")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert make(Site(tmp_path, "build"), 2).fault == "make is missing: apt install make"
