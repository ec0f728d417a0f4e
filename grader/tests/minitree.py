"""A project in miniature, with two labs, for the tests of labs.py and tree.py."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

LAB1 = """\
number = 1
title = "First"
[[exercise]]
id = "1.10"
track = "common"
title = "Switch"
funcs = ["hv/enter.S:enter", "hv/core.c:leave"]
points = 5
needs = ["1.2"]
todo = "Do both."
stub = "return -1;"
[[exercise]]
id = "1.2"
track = "intel"
title = "Start"
func = "hv/vmx.c:vmx_start"
points = 10
scenarios = ["first-real"]
todo = "Intel."
[[exercise]]
id = "1.2"
track = "amd"
title = "Start"
func = "hv/svm.c:svm_start"
points = 10
scenarios = ["first-real", "first-long"]
todo = "AMD."
[[exercise.hints]]
name = "rip"
match = "rip=0x0+ "
text = "RIP was never set."
"""

LAB2 = """\
number = 2
title = "Second"
[[exercise]]
id = "2.1"
track = "common"
title = "Sum"
func = "hv/core.c:sum"
points = 1
needs = ["1.2", "1.10"]
todo = "Add."
stub = "return 0;"
"""

SVM = """\
#include "lib/lab.h"

static int svm_helper(int a)
{
    return a + 1;
}

/** Start. */
int svm_start(struct vcpu *v, u64 rip)
{
    v->rip = rip;           /* the secret */
    v->rsp = svm_helper(0);
    for (int i = 0; i < 16; i++)
        v->gpr[i] = v->start[i] ^ 0x1234;
    return 0;
}
"""

MUTANT = """\
/*
 * mutant: no-rip
 * exercise: 1.2
 * track: amd
 * hint: rip
 * why: RIP stays zero;
 *      so the guest starts nowhere.
 */
int svm_start(struct vcpu *v, u64 rip)
{
    v->rsp = svm_helper(0);
    for (int i = 0; i < 16; i++)
        v->gpr[i] = v->start[i] ^ 0x1234 ^ (u64)rip;
    return 0;
}
"""

FILES = {
    "README.md": "# Nestling\n",
    ".gitignore": "build/\n*.o\n",
    ".ci/run": "#!/bin/sh\n",
    "scripts/lab": "#!/bin/sh\n",
    "labs/01-first/lab.toml": LAB1,
    "labs/01-first/README.md": "The handout.\n",
    "labs/01-first/mutants/no-rip.c": MUTANT,
    "labs/02-second/lab.toml": LAB2,
    "grader/tests/reference/test_all.py": "\n",
    "build/hv.elf": "\n",
    "hv/svm.c": SVM,
    "hv/vmx.c": SVM.replace("svm_", "vmx_").replace("0x1234", "0x4321"),
    "hv/core.c": "int leave(void) {\n    return 1;\n}\n\nint sum(int a, int b) { return a + b; }\n",
    "hv/enter.S": '#include "asm.h"\nFUNC(enter)\n    push %rbx\n    vmrun\n    pop %rbx\n    ret\n'
                  "END(enter)\n",
}


def git(tree: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True,
                          encoding="utf-8").stdout


def write(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text.replace("    ", "\t") if name.startswith("hv/") else text)


@pytest.fixture(name="project")
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, freshly made; git knows nothing of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.delenv("TRACK", raising=False)
    root = tmp_path / "project"
    write(root, FILES)
    (root / "scripts/lab").chmod(0o755)
    git(root, "init", "-q")
    git(root, "add", "hv", "README.md")
    return root
