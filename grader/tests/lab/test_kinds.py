"""Exercises of the kinds repair, predict and guest, labs in several files, mutants as edits."""

from __future__ import annotations

from pathlib import Path

import pytest
from minitree import (ANSWER, BREAK, LAB3, LAB3_AMD, LAB3_INTEL, RICH, RING_MUTANTS,  # noqa: F401
                      git, make_project, make_rich, write)

from nestling import labs, splice, tree
from nestling.errors import UserError
from nestling.labs import Edit, Exercise, Func, Mutant
from nestling.release import TreeSource
from nestling.tree import State

LAB = "labs/03-third"
MAIN, AMD, INTEL = f"{LAB}/lab.toml", f"{LAB}/lab-amd.toml", f"{LAB}/lab-intel.toml"
TEXTS = {MAIN: LAB3, AMD: LAB3_AMD, INTEL: LAB3_INTEL}
WATCH, REPAIR, PREDICT = (f"{MAIN}: exercise 3.1 (common)", f"{AMD}: exercise 3.2 (amd)",
                          f"{INTEL}: exercise 3.3 (intel)")


def exercises_of(root: Path) -> list[Exercise]:
    return list(labs.load(root, check_functions=False)[-1].exercises)


def message_of(root: Path) -> str:
    with pytest.raises(UserError) as info:
        labs.load(root)
    return str(info.value)


def test_a_lab_in_three_files(rich: Path) -> None:
    guest, repair, predict = labs.load(rich)[-1].exercises
    assert list(map(str, (guest, repair, predict))) == ["3.1 (common)", "3.2 (amd)", "3.3 (intel)"]
    assert [one.file for one in (guest, repair, predict)] == [MAIN, AMD, INTEL]
    assert guest.funcs == (Func("guest/watch.64.c", "main"),)
    deaf, mute = guest.breaks
    assert (deaf.name, deaf.track, deaf.why) == ("deaf", "amd", "It hears nothing.")
    assert deaf.func == Func("hv/given.c", "hear") and mute.track == "intel"
    assert deaf.path == f"{LAB}/breaks/deaf.c" and deaf.text == RICH[deaf.path].replace(
        "    ", "\t")
    assert deaf.piece().body == "{\n\treturn 0;\n}"
    assert (repair.broken, repair.todo, repair.stub) == (f"{LAB}/repair/ring.c", "", "")
    assert "+ ++r->used" in repair.stub_of(repair.funcs[0])
    assert (predict.funcs, predict.answer) == ((), f"{LAB}/predict.txt")
    assert predict.stubs == ("# REASON PLACE\n# one line for each exit\n",)
    assert predict.places == predict.paths == (f"{LAB}/predict.txt",)


def test_a_guests_stub_compiles(rich: Path) -> None:
    guest = exercises_of(rich)[0]
    assert guest.stubs == ("{\n\t/* Exercise 3.1: Watch. */\n\treturn 0;\n}",)


@pytest.mark.parametrize("file, old, new, message", [
    (AMD, 'id = "3.2"', 'id = "3.2"\ntrack = "intel"',
     f"{AMD}: exercise 3.2 (intel): track: everything in this file is for amd"),
    (AMD, "[[exercise]]", "number = 3\n[[exercise]]", f"{AMD}: number: unknown key; known: exerc"),
    (AMD, '"3.2"', '"3.1"', f"{AMD}: exercise 3.1 (amd): id: 3.1 (common) is there already"),
    (AMD, "[[exercise]]", "[[exercise", f"{AMD}: "),
    (AMD, "points = 3", 'points = 3\ntodo = "x"', f"{REPAIR}: todo: the starter of a repair"),
    (AMD, "points = 3", 'points = 3\nstub = "x"', f"{REPAIR}: stub: the starter of a repair"),
    (AMD, "points = 3", 'points = 3\nanswer = "x.txt"', f"{REPAIR}: answer: unknown key"),
    (AMD, 'broken = "repair/ring.c"', "", f"{REPAIR}: broken: is missing"),
    (AMD, "repair/ring.c", "../ring.c", f"{REPAIR}: broken: must be a file of the lab's folder"),
    (AMD, "repair/ring.c", "/ring.c", f"{REPAIR}: broken: must be a file of the lab's folder"),
    (AMD, "repair/ring.c", "ring.txt", f"{REPAIR}: broken: must be a file of the lab's folder that "
     "ends in .c or .S, not 'ring.txt'"),
    (AMD, "repair/ring.c", "repair/none.c", f"{REPAIR}: broken: {LAB}/repair/none.c:1: can't read"),
    (AMD, "repair/ring.c", "repair/none.S", f"{REPAIR}: broken: {LAB}/repair/none.S has not the "
     "type of file of hv/ring.c:put, hv/ring.c:get"),
    (AMD, ', "hv/ring.c:get"', "", f"{REPAIR}: broken: {LAB}/repair/ring.c has get, which is no "
     "function of 3.2 (amd)"),
    (AMD, '"hv/ring.c:get"', '"hv/ring.c:peek"', "there is no definition of peek"),
    (AMD, 'kind = "repair"\n', "", f"{REPAIR}: todo: is missing"),
    (INTEL, 'answer = "predict.txt"', "", f"{PREDICT}: answer: is missing"),
    (INTEL, "predict.txt", "predict.c", f"{PREDICT}: answer: must be a file of the lab's folder "
     "that ends in .txt"),
    (INTEL, "predict.txt", "none.txt", f"{PREDICT}: answer: {LAB}/none.txt:1: can't read the file"),
    (INTEL, "stub = '''", "hint = '''", f"{PREDICT}: stub: is missing"),
    (INTEL, '["exits"]', "[]", f"{PREDICT}: scenarios: must name one scenario"),
    (INTEL, '["exits"]', '["exits", "more"]', f"{PREDICT}: scenarios: must name one scenario"),
    (INTEL, "points", 'func = "hv/ring.c:put"\npoints', f"{PREDICT}: func: a predict exercise has"),
    (INTEL, "points", 'todo = "x"\npoints', f"{PREDICT}: todo: the starter of a predict exercise"),
    (MAIN, 'breaks = ["breaks/deaf.c", "breaks/vmx-mute.c"]', "",
     f"{WATCH}: breaks: there must be at least one for amd"),
    (MAIN, ', "breaks/vmx-mute.c"', "", f"{WATCH}: breaks: there must be at least one for intel"),
    (MAIN, "breaks/vmx-mute.c", "breaks/deaf.c", f"{WATCH}: breaks: 'breaks/deaf.c' is there twi"),
    (MAIN, "breaks/deaf.c", "../deaf.c", f"{WATCH}: breaks: must be a file of the lab's folder"),
    (MAIN, "breaks/deaf.c", "breaks/none.c", f"{LAB}/breaks/none.c:1: can't read the file"),
    (MAIN, '"common"', '"amd"', f"{MAIN}: exercise 3.1 (amd): breaks: {LAB}/breaks/vmx-mute.c is "
     "for intel, where this exercise is not"),
    (MAIN, "guest/watch.64.c:main", "hv/given.c:hear",
     f"{WATCH}: func: must be like guest/hello.64.c:main, not 'hv/given.c:hear'"),
    (MAIN, 'todo = "Watch."', "", f"{WATCH}: todo: is missing"),
])
def test_mistakes(rich: Path, file: str, old: str, new: str, message: str) -> None:
    assert old in TEXTS[file]
    (rich / file).write_text(TEXTS[file].replace(old, new))
    assert message in message_of(rich)


@pytest.mark.parametrize("old, new, message", [
    ("break: deaf\n", "func: deaf\n", "breaks/deaf.c: func: is there twice"),
    ("break: deaf\n", "deaf\n", "the first comment must start with `break: NAME`"),
    ("break: deaf\n", "break: vmx-mute\n", f"{WATCH}: breaks: a name is there twice: vmx-mute"),
    ("track: amd", "track: arm", "breaks/deaf.c: track: must be one of amd, intel, common"),
    ("hv/given.c:hear", "hear", "breaks/deaf.c: func: must be like hv/hvm/svm.c:svm_run"),
    ("hv/given.c:hear", "hv/given.c:see", "deaf.c:1: there is no definition of see"),
    ("hv/given.c:hear", "hv/none.c:hear", "breaks/deaf.c: func: hv/none.c:1: can't read the file"),
    ("int hear(int c)", "int hear(void)", "breaks/deaf.c: func: labs/03-third/breaks/deaf.c:8: the "
     "head of hear must stay as it is"),
    ("return 0", "return c + 1", "breaks/deaf.c: func: hv/given.c:hear is as in the tree, not bro"),
    ("func: hv/given.c:hear", "func: hv/ring.c:put",
     "breaks/deaf.c:1: there is no definition of put"),
])
def test_mistakes_in_breaks(rich: Path, old: str, new: str, message: str) -> None:
    assert old in BREAK
    write(rich, {f"{LAB}/breaks/deaf.c": BREAK.replace(old, new)})
    assert message in message_of(rich)


def test_a_break_stays_out_of_the_exercises(rich: Path) -> None:
    write(rich, {f"{LAB}/breaks/deaf.c": BREAK.replace("hv/given.c:hear", "hv/core.c:sum").replace(
        "int hear(int c)", "int sum(int a, int b)")})
    assert message_of(rich) == (f"{LAB}/breaks/deaf.c: func: hv/core.c:sum is a function of "
                                "exercise 2.1 (common); break given code")


def test_files_that_are_no_labs(rich: Path) -> None:
    write(rich, {f"{LAB}/lab-arm.toml": ""})
    assert message_of(rich) == (f"{LAB}/lab-arm.toml: is none of a lab's files: lab.toml, "
                                "lab-amd.toml, lab-intel.toml")


def test_two_exercises_with_one_answer(rich: Path) -> None:
    (rich / INTEL).write_text(LAB3_INTEL + LAB3_INTEL.replace("3.3", "3.4"))
    assert message_of(rich).endswith(f"3.4 (intel): answer: {LAB}/predict.txt is 3.3 (intel)'s "
                                     "already")


def test_a_starter_may_not_be_right_already(rich: Path) -> None:
    (rich / LAB / "predict.txt").write_text("# nothing\n\n")
    assert message_of(rich) == f"{PREDICT}: answer: a starter would have the solution"
    (rich / LAB / "predict.txt").write_text(ANSWER)
    write(rich, {f"{LAB}/repair/ring.c": RICH["hv/ring.c"].split("\n", 2)[2]})
    assert message_of(rich) == f"{REPAIR}: broken: a starter would have the solution"


def test_a_broken_function_keeps_its_head(rich: Path) -> None:
    write(rich, {"hv/ring.c": RICH["hv/ring.c"].replace("int c)", "char c)")})
    assert f"{REPAIR}: broken: {LAB}/repair/ring.c:1: the head of put must stay" in message_of(rich)


# --- mutants as edits ---


def ring_mutants(root: Path) -> tuple[Mutant, ...]:
    return labs.load(root)[-1].mutants


def test_mutants_are_edits_of_the_reference(rich: Path) -> None:
    full, twice = ring_mutants(rich)
    assert (full.name, full.hint, full.func.name, full.text) == ("full", "lost", "put", "")
    assert full.edits == (Edit("\tif (r->used == RING_SIZE)\n\t\treturn -1;", ""),)
    piece = full.piece(rich)
    assert piece.body == ("{\n\n\tr->data[(r->first + r->used++) % RING_SIZE] = c;\n"
                          "\treturn 0;\n}")
    assert (piece.name, piece.helpers) == ("put", ())
    body = twice.piece(rich).body
    assert "r->first = r->first % RING_SIZE" in body and "r->used--" not in body
    repair = exercises_of(rich)[1]
    tree.put_body(rich, repair, piece)
    assert "return -1;\n\tr->data" not in (rich / "hv/ring.c").read_text()


def test_whole_mutants_have_a_piece_too(rich: Path) -> None:
    mutant, = labs.load(rich)[0].mutants
    assert mutant.piece(rich) == splice.take(mutant.text, "svm_start", mutant.path)


def test_mutants_must_fit_the_reference(rich: Path) -> None:
    full, _ = ring_mutants(rich)
    write(rich, {"hv/ring.c": RICH["hv/ring.c"].replace("return -1", "return -2")})
    with pytest.raises(UserError) as info:
        full.piece(rich)
    assert str(info.value).startswith(f"{LAB}/mutants/ring.toml: mutant full: old: ")
    assert str(info.value).endswith("is 0 times in the body of hv/ring.c:put, not exactly once")


@pytest.mark.parametrize("old, new, message", [
    ('name = "full"', 'name = "Full!"', "mutant Full!: name: must be small letters"),
    ('name = "full"', 'name = "twice"', "mutant: the name twice is there twice"),
    ('exercise = "3.2"', 'exercise = "3.9"', "exercise: there is no exercise 3.9 (amd) in this"),
    ('exercise = "3.2"\ntrack = "amd"', 'exercise = "3.3"\ntrack = "intel"',
     "mutant full: exercise: 3.3 (intel) has no function"),
    ('hint = "lost"', 'hint = "found"', "hint: exercise 3.2 (amd) has no hint 'found'"),
    ('func = "put"\n', "", "mutant full: func: is missing; exercise 3.2 (amd) has several: put"),
    ('func = "put"\n', 'func = "peek"\n', "func: exercise 3.2 (amd) has no function peek; it has"),
    ('why = "A full ring takes more."\n', "", "mutant full: why: is missing"),
    ('new = ""\n', "", "mutant full: new: is missing"),
    ('new = ""\n', "new = '''\n\tif (r->used == RING_SIZE)\n\t\treturn -1;'''\n", "same as old"),
    ('new = ""\n', "new = '''\n\tif (r->used == (RING_SIZE))\n\t\treturn -1; }'''\n", "closed"),
    ('new = ""\n', "new = '''\n\t/* x */ if (r->used == RING_SIZE)\n\t\treturn -1;'''\n",
     "mutant full: is the code of the reference"),
    ('new = ""\n', 'new = ""\nedits = []\n', "old: give either old and new, or edits"),
    ('new = ""\n', 'new = ""\nnwe = ""\n', "mutant full: nwe: unknown key; did you mean new?"),
    ("edits = [{ old", "edits = []\nx = [{ old", "mutant twice: edits: is empty"),
    ('old = "(r->first + 1)"', 'old = "return"', "mutant twice: old: 'return' is 2 times in"),
    ('old = "(r->first + 1)"', 'old = "\\n"', "mutant twice: edit 1: old: is empty"),
    ('old = "r->used--;\\n"', 'old = "+ 1) %"',
     "mutant twice: edits: '+ 1) %' overlaps another one"),
    ('old = "r->used--;\\n"', 'odl = ""', "mutant twice: edit 2: old: is missing"),
    ("[[mutant]]", "x = 1\n[[mutant]]", "mutants/ring.toml: x: unknown key; known: mutant"),
])
def test_mistakes_in_edits(rich: Path, old: str, new: str, message: str) -> None:
    assert old in RING_MUTANTS
    (rich / LAB / "mutants/ring.toml").write_text(RING_MUTANTS.replace(old, new, 1))
    assert message in message_of(rich)


# --- trees ---


@pytest.fixture(name="starter")
def make_starter(rich: Path, tmp_path: Path) -> Path:
    tree.export(rich, tmp_path / "mine")
    return tmp_path / "mine"


def states(where: Path, reference: Path | None = None) -> list[State]:
    source = TreeSource(reference) if reference else None
    return [one.state for one in tree.status(where, exercises_of(where), source)]


def test_export(rich: Path, starter: Path) -> None:
    assert (starter / LAB / "predict.txt").read_text() == (
        "# REASON PLACE\n# one line for each exit\n")
    assert (starter / "hv/ring.c").read_text() == (rich / "hv/ring.c").read_text().replace(
        "+ r->used++", "+ ++r->used")
    assert "/* Exercise 3.1: Watch. */\n\treturn 0;" in (starter / "guest/watch.64.c").read_text()
    assert (starter / LAB / "breaks/deaf.c").exists() and (starter / LAB / "repair/ring.c").exists()
    assert not (starter / LAB / "mutants").exists()
    assert labs.load(starter)[-1].exercises == labs.load(rich)[-1].exercises


def test_no_git_object_gives_anything_away(starter: Path) -> None:
    objects = ""
    for line in git(starter, "cat-file", "--batch-all-objects", "--batch-check").splitlines():
        name, kind, _ = line.split()
        objects += git(starter, "cat-file", "-p" if kind == "tree" else kind, name)
    assert "Exercise 3.1" in objects
    for secret in ("+ r->used++", "complain", "again", "A full ring", "RIP stays"):
        assert secret not in objects


def test_status(rich: Path, starter: Path) -> None:
    assert states(starter, rich) == [State.STUB] * 3
    assert states(rich, rich) == [State.REFERENCE] * 3
    answer = starter / LAB / "predict.txt"
    answer.write_text("# My notes.\n\n")
    assert states(starter)[2] == State.STUB
    answer.write_text(ANSWER.replace("  ", " ").replace("# The first ten.", ""))
    assert states(starter, rich)[2] == State.REFERENCE
    answer.write_text(ANSWER.replace("hlt", "io"))
    assert states(starter, rich)[2] == State.MINE
    answer.unlink()
    status = tree.status(starter, exercises_of(starter))[2]
    assert status.state is State.BROKEN and status.note.startswith(f"{answer.relative_to(starter)}")
    ring = starter / "hv/ring.c"
    ring.write_text(ring.read_text().replace("++r->used)", "r->used)"))
    assert states(starter, rich)[1] == State.MINE
    ring.write_text((rich / "hv/ring.c").read_text() + "/* mine */\n")
    assert states(starter, rich)[1] == State.REFERENCE


def test_solutions_move_from_tree_to_tree(rich: Path, starter: Path) -> None:
    for exercise in exercises_of(rich):
        tree.put_solution(starter, exercise, TreeSource(rich).solution(exercise, starter))
    assert states(starter, rich) == [State.REFERENCE] * 3
    for exercise in exercises_of(rich):
        tree.put_stub(starter, exercise)
    assert git(starter, "status", "--porcelain") == ""


@pytest.mark.parametrize("name, text, what", [
    ("book/exits.md", ANSWER, "the answer of 3.3 (intel)"),
    ("book/exits.txt", ANSWER.replace("  ", "\n"), "the answer of 3.3 (intel)"),
    ("labs/04.md", "\tif (r->used == (2))\n", ""),
    ("hv/copy.c", RICH["hv/ring.c"].replace("ring", "wring"), "the solution of 3.2 (amd), put"),
    ("x/copy.c", "int f()" + RICH["hv/ring.c"].partition("int get(struct ring *r)")[2].replace(
        "(r->first + 1)", "r->first").replace("    r->used--;", "/* */"), "the mutant twice"),
    ("x/copy.json", '[{"code": "x\\n\\tint c = ask(1, 2, 3);\\n\\tif (c != 3)\\n\\t\\treturn '
     'complain(c, 3);\\n\\treturn ask(4, 5, 6);"}]', "the solution of 3.1 (common), main"),
])
def test_leaks(rich: Path, tmp_path: Path, name: str, text: str, what: str) -> None:
    write(rich, {name: text})
    if not what:
        tree.export(rich, tmp_path / "mine")
        return
    with pytest.raises(UserError) as info:
        tree.export(rich, tmp_path / "mine")
    assert str(info.value) == f"{name}: contains {what}; no starter was made"


def test_what_is_for_the_project_only(rich: Path, tmp_path: Path) -> None:
    write(rich, {"README.md": "a\n\n<!-- project only -->\nb `<!-- end -->`\n<!-- end -->\n\nc\n",
                 "project.mk": "start:\n", "labs/release.json": "{}\n"})
    tree.export(rich, tmp_path / "mine")
    assert (tmp_path / "mine/README.md").read_text() == "a\n\nc\n"
    assert not (tmp_path / "mine/project.mk").exists()
    assert not (tmp_path / "mine/labs/release.json").exists()
