"""The command `grade` against the real thing: reference, starters, mistakes and cheats.

What the labs themselves must be like is in test_order.py and test_mutants.py.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from reference.project import ALL, EXERCISES, LABS, ROOT, emulators, find

from nestling import tree
from nestling.labs import Exercise
from nestling.mutation import of_mutant
from nestling.workshop import Workshop

SCHEMA = json.loads((ROOT / "grader" / "grade.schema.json").read_text())
EVERYWHERE = ",".join(ALL)
SVM, VMX = find("1.4", "amd"), find("1.4", "intel")

pytestmark = emulators


@dataclass
class Graded:
    """What one call of the command gave."""

    status: int
    out: str
    json: dict[str, Any]

    def exercise(self, ident: str, track: str) -> dict[str, Any]:
        found: dict[str, Any] = next(entry for entry in self.json["exercises"]
                                     if (entry["id"], entry["track"]) == (ident, track))
        return found


def grade(path: Path, *words: str) -> Graded:
    """Run the command on a tree."""
    file = path / "grade.json"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nestling.cli_grade", "--tree", str(path), "--json",
         str(file), *words], env={**os.environ, "PYTHONPATH": str(ROOT / "grader")}, cwd=ROOT,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "Traceback" not in done.stdout
    result = json.loads(file.read_text())
    jsonschema.validate(result, SCHEMA)
    return Graded(done.returncode, done.stdout, result)


def write(workshop: Workshop, exercise: Exercise, body: str) -> None:
    """Make `body` (without its braces) the body of a C function."""
    piece = tree.take_piece(ROOT, exercise.funcs[0])
    workshop.arrange(pieces=[(exercise, dataclasses.replace(piece, body=f"{{\n{body}\n}}"))])


def mutate(workshop: Workshop, name: str, exercise: Exercise) -> None:
    """Put one of the exercise's mutants in."""
    mutant = next(mutant for lab in LABS for mutant in lab.mutants
                  if (mutant.name, mutant.exercise, mutant.track)
                  == (name, exercise.id, exercise.track))
    workshop.arrange(pieces=[(exercise, of_mutant(ROOT, mutant, LABS).piece)])


def test_the_reference_gets_everything_everywhere(workshop: Workshop) -> None:
    graded = grade(workshop.path, "--on", EVERYWHERE)
    points = sum(exercise.points for exercise in EXERCISES)
    assert (graded.status, graded.json["score"], graded.json["max"]) == (0, points, points)
    assert {entry["status"] for entry in graded.json["exercises"]} == {"passed"}


def test_the_reference_on_an_older_intel_cpu(workshop: Workshop) -> None:
    graded = grade(workshop.path, "--on", "bochs-vmx", "--model", "corei7_haswell_4770")
    assert graded.status == 0
    assert "(corei7_haswell_4770)" in graded.out


def test_a_starter_gets_nothing_and_no_error(tmp_path: Path) -> None:
    starter = tmp_path / "starter"
    tree.export(ROOT, starter)
    graded = grade(starter, "--on", EVERYWHERE)
    assert (graded.status, graded.json["score"], graded.json["compile_errors"]) == (1, 0, [])
    for exercise in EXERCISES:
        entry = graded.exercise(exercise.id, exercise.track)
        if exercise.needs:
            assert entry["status"] == "skipped"
        else:
            assert entry["status"] == "failed"
        if exercise.kind == "fill" and not exercise.needs:
            name = exercise.funcs[0].name
            assert entry["hint"] == f"exercise {exercise.id} ({name}) is yours: {exercise.handout}"


def test_a_mistake_is_told_with_its_hint(workshop: Workshop) -> None:
    mutate(workshop, "no-svme", SVM)
    graded = grade(workshop.path, "--ex", "1.4")
    entry = graded.exercise("1.4", "amd")
    assert (graded.status, entry["status"], entry["score"]) == (1, "failed", 0)
    assert {run["hint"] for run in entry["runs"] if run["status"] == "failed"} == {"svme"}
    assert " ".join(graded.out.split()).count(entry["hint"]) == 1


def test_the_commands_reproduce_what_they_say(workshop: Workshop) -> None:
    mutate(workshop, "no-long-cs", SVM)
    graded = grade(workshop.path, "--on", "tcg", "--ex", "1.7", "--seed", "7")
    assert f"make grade TREE={workshop.path} EX=1.7 ON=tcg SEED=7\n" in graded.out
    vm_file = workshop.path / "build" / "grade" / "first-long.vm"
    assert f"scripts/run {vm_file} --on tcg --gdb --build {workshop.path}/build\n" in graded.out
    done = subprocess.run([ROOT / "scripts" / "run", vm_file, "--build", workshop.path / "build",
                           "--on", "tcg"], capture_output=True, text=True, check=False)
    assert "cs.attr=0xc09b" in done.stdout
    again = grade(workshop.path, "--on", "tcg", "--ex", "1.7", "--seed", "7")
    assert without_times(again) == without_times(graded)


def without_times(graded: Graded) -> list[Any]:
    return [{**run, "seconds": 0} for entry in graded.json["exercises"] for run in entry["runs"]]


def test_a_compile_error_is_the_students(workshop: Workshop) -> None:
    write(workshop, SVM, "\tvmcb_of(v)->nonsense = 1;")
    graded = grade(workshop.path)
    assert graded.status == 1
    assert graded.json["compile_errors"][0].startswith("hv/hvm/svm.c:")
    assert "nonsense" in graded.json["compile_errors"][0]
    assert {entry["status"] for entry in graded.json["exercises"]} == {"failed"}
    assert graded.json["compile_errors"][0] in graded.out


def test_a_loop_ends_with_a_clear_word(workshop: Workshop) -> None:
    write(workshop, SVM, "\tfor (volatile int i = 0; start->mode == HV_MODE_LONG && i < 9; i--)\n"
          "\t\ti = 5;")
    entry = grade(workshop.path, "--ex", "1.4").exercise("1.4", "amd")
    assert entry["status"] == "failed"
    loops = [run for run in entry["runs"] if run["scenario"].endswith("long")]
    assert len(loops) == 2
    for run in loops:
        assert run["evidence"][0].startswith(
            "timeout: the machine used up its instructions; it was at svm_")


def test_a_triple_fault_is_told(workshop: Workshop) -> None:
    write(workshop, SVM, "\tstatic const u8 none[10];\n\n"
          "\tasm volatile(\"lidt %0; ud2\" : : \"m\"(none));")
    graded = grade(workshop.path, "--ex", "1.4")
    entry = graded.exercise("1.4", "amd")
    assert entry["status"] == "failed"
    for run in entry["runs"]:
        assert run["evidence"][0].startswith("no end line: the machine went down"), run


def test_a_panic_is_told_with_its_place(workshop: Workshop) -> None:
    write(workshop, SVM, "\tpanic(\"no idea\");")
    graded = grade(workshop.path, "--ex", "1.4", "--on", "tcg")
    evidence = graded.exercise("1.4", "amd")["runs"][0]["evidence"]
    assert evidence[0] == "panic: no idea"
    assert any(line.startswith("at: svm_") and "hv/hvm/svm.c:" in line for line in evidence)


# Prints what the reference would, ends the machine, and never enters a guest.
FORGED = """\
	u64 nonce = start->args[0], seed = start->args[1];
	u32 mixed = (u32)(nonce << 7 | nonce >> 25) ^ (u32)seed;

%s
	machine_end(0);"""

REAL = "real", "0x10", "0x0", 0, 0, "0xffff", "0x93", "0x9b", "0x0"
PROTECTED = "protected", "0x11", "0x0", 16, 8, "0xffffffff", "0xc093", "0xc09b", "0x0"
LONG = "long", "0x80000011", "0x20", 16, 8, "0xffffffff", "0xc093", "0xa09b", "0x500"


def forged_lines(mode: tuple[Any, ...]) -> str:
    """C that prints what the reference would for one mode."""
    _, cr0, cr4, ss, cs, limit, data, code, efer = mode
    rcx = f"{ss << 16 | cs:#x}"
    lines = ["stopped reason=hlt status=0 exits=1 rip=0x8017",
             f"state rax={cr0} rcx={rcx} rdx=0x2 rbx={cr4}", "state rbp=0x%x",
             f"state efer={efer} cr0={cr0} cr4={cr4}",
             f"state cs={cs:#x} cs.base=0x0 cs.limit={limit} cs.attr={code}",
             "state gdtr.base=0x0 gdtr.limit=0xffff idtr.base=0x0 idtr.limit=0xffff",
             "state dr6=0xffff0ff0 dr7=0x400 pat=0x7040600070406"]
    for name in ("es", "ss", "ds", "fs", "gs"):
        lines.append(f"state {name}={ss:#x} {name}.base=0x0 {name}.limit={limit} "
                     f"{name}.attr={data}")
    for name, attr in (("ldtr", "0x82"), ("tr", "0x8b")):
        lines.append(f"state {name}=0x0 {name}.base=0x0 {name}.limit=0xffff {name}.attr={attr}")
    calls = [f'\t\tprintf("vm first {line}\\n"{", mixed" if "%" in line else ""});'
             for line in lines]
    return "\n".join(calls)


@pytest.mark.parametrize("exercise", [SVM, VMX], ids=str)
def test_printing_the_right_answer_is_not_enough(workshop: Workshop, exercise: Exercise) -> None:
    modes = "\n".join(f"\tif (start->mode == HV_MODE_{mode[0].upper()}) {{\n{forged_lines(mode)}"
                      "\n\t}" for mode in (REAL, PROTECTED, LONG))
    write(workshop, exercise, FORGED % modes)
    graded = grade(workshop.path, "--track", exercise.track, "--ex", "1.7")
    entry = graded.exercise("1.7", exercise.track)
    assert entry["status"] == "failed"
    forged = [run for run in entry["runs"]
              if run["scenario"] in ("first-real", "first-protected", "first-long")]
    assert forged
    for run in forged:
        assert len(run["evidence"]) == 1, run  # all else was forged well
        assert run["evidence"][0].startswith("exit 1: expected hlt"), run
        assert run["evidence"][0].endswith("seen nothing"), run


def test_the_trees_own_command(workshop: Workshop) -> None:
    done = subprocess.run([workshop.path / "scripts" / "grade", "--on", "tcg", "--ex", "1.4"],
                          cwd=workshop.path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "score 10 of 10" in done.stdout
