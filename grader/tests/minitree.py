"""A project in miniature, with two labs or three, for the tests of labs, trees and releases."""

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


# A lab with the other kinds of exercises, for the fixture "rich".
LAB3 = """\
number = 3
title = "Third"
[[exercise]]
id = "3.1"
track = "common"
title = "Watch"
kind = "guest"
func = "guest/watch.64.c:main"
points = 4
todo = "Watch."
stub = "return 0;"
breaks = ["breaks/deaf.c", "breaks/vmx-mute.c"]
"""

LAB3_AMD = """\
[[exercise]]
id = "3.2"
title = "Repair"
kind = "repair"
funcs = ["hv/ring.c:put", "hv/ring.c:get"]
points = 3
broken = "repair/ring.c"
[[exercise.hints]]
name = "lost"
match = "lost"
text = "A byte is lost."
"""

LAB3_INTEL = """\
[[exercise]]
id = "3.3"
title = "Predict"
kind = "predict"
answer = "predict.txt"
points = 2
scenarios = ["exits"]
stub = '''
# REASON PLACE
# one line for each exit
'''
"""

RING = """\
#include "ring.h"

int put(struct ring *r, int c)
{
    if (r->used == RING_SIZE)
        return -1;
    r->data[(r->first + r->used++) % RING_SIZE] = c;
    return 0;
}

/** Take. */
int get(struct ring *r)
{
    int c = r->data[r->first];

    if (!r->used)
        return -1;
    r->first = (r->first + 1) % RING_SIZE;
    r->used--;
    return c;
}
"""

BREAK = """\
/*
 * break: deaf
 * func: hv/given.c:hear
 * track: amd
 * why: It hears
 *      nothing.
 */
int hear(int c)
{
    return 0;
}
"""

RING_MUTANTS = """\
[[mutant]]
name = "full"
exercise = "3.2"
track = "amd"
func = "put"
hint = "lost"
why = "A full ring takes more."
old = '''
\tif (r->used == RING_SIZE)
\t\treturn -1;
'''
new = ""
[[mutant]]
name = "twice"
exercise = "3.2"
track = "amd"
func = "hv/ring.c:get"
hint = "lost"
why = "Nothing is taken."
edits = [{ old = "(r->first + 1)", new = "r->first" }, { old = "r->used--;\\n", new = "" }]
"""

ANSWER = """\
# The first ten.
cpuid  again
io     again+0x2
cpuid  again
io     again+0x2   # the same again
hlt    0x8012
hlt    0x8013
"""

RICH = {
    "labs/03-third/lab.toml": LAB3,
    "labs/03-third/lab-amd.toml": LAB3_AMD,
    "labs/03-third/lab-intel.toml": LAB3_INTEL,
    "labs/03-third/README.md": "The handout.\n",
    "labs/03-third/predict.txt": ANSWER,
    "labs/03-third/repair/ring.c": RING.split("\n", 2)[2].replace("+ r->used++", "+ ++r->used"),
    "labs/03-third/breaks/deaf.c": BREAK,
    "labs/03-third/breaks/vmx-mute.c": BREAK.replace("deaf", "vmx-mute").replace("amd", "intel"),
    "labs/03-third/mutants/ring.toml": RING_MUTANTS,
    "labs/03-third/mutants/equivalent.toml": "[[equivalent]]\nexercise = '3.2'\n",
    "guest/watch.64.c": "#include \"guest.h\"\n\nint main(void)\n{\n\tint c = ask(1, 2, 3);\n\n"
                        "\tif (c != 3)\n\t\treturn complain(c, 3);\n\treturn ask(4, 5, 6);\n}\n",
    "hv/ring.c": RING,
    "hv/given.c": "int hear(int c)\n{\n    return c + 1;\n}\n",
}


def git(tree: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True,
                          encoding="utf-8").stdout


def write(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        code = name.endswith((".c", ".S"))
        (tree / name).write_text(text.replace("    ", "\t") if code else text)


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


@pytest.fixture(name="rich")
def make_rich(project: Path) -> Path:
    """The project with the lab that has exercises of all kinds."""
    write(project, RICH)
    return project
