"""Reading the labs: the order, and a clear message for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from minitree import FILES, LAB1, LAB2, MUTANT, make_project  # noqa: F401 (a fixture)

from nestling import labs
from nestling.errors import UserError
from nestling.labs import Func

TOML = "labs/01-first/lab.toml"
AMD = f"{TOML}: exercise 1.2 (amd)"


def test_a_good_project(project: Path) -> None:
    first, second = labs.load(project)
    assert (first.number, first.title, first.path) == (1, "First", "labs/01-first")
    assert [str(exercise) for exercise in labs.all_exercises([first, second])] == [
        "1.2 (amd)", "1.2 (intel)", "1.10 (common)", "2.1 (common)"]
    assert [str(ex) for ex in labs.all_exercises([first, second], "intel")] == [
        "1.2 (intel)", "1.10 (common)", "2.1 (common)"]
    amd, _, both = first.exercises
    assert amd.kind == "fill" and amd.lab == 1 and amd.handout == "labs/01-first/README.md"
    assert amd.funcs == (Func("hv/svm.c", "svm_start"),) and amd.stub == ""
    assert amd.scenarios == ("first-real", "first-long")
    assert amd.hints[0].match.search("vm first state rip=0x0000 x")
    assert both.funcs == (Func("hv/enter.S", "enter"), Func("hv/core.c", "leave"))
    assert both.needs == ("1.2",) and both.scenarios == ()
    mutant, = first.mutants
    assert (mutant.name, mutant.hint, mutant.func) == ("no-rip", "rip", amd.funcs[0])
    assert mutant.why == "RIP stays zero; so the guest starts nowhere."


def test_find_exercise(project: Path) -> None:
    known = labs.load(project)
    assert labs.find_exercise(known, "1.2", "intel").track == "intel"
    assert labs.find_exercise(known, "1.10", "intel").track == "common"
    with pytest.raises(UserError, match="exists on both tracks; add --track"):
        labs.find_exercise(known, "1.2")
    with pytest.raises(UserError, match="no exercise 7.1 on the track amd; there are: 1.2, 1.10"):
        labs.find_exercise(known, "7.1", "amd")


@pytest.mark.parametrize("old, new, message", [
    ("number = 1", "number = 0", f"{TOML}: number: must be positive, not 0"),
    ("number = 1", "number = 2", f"{TOML}: number: 2 does not fit the folder's name 01-first"),
    ("number = 1", "number = true", f"{TOML}: number: must be a number, not True"),
    ("number = 1", "", f"{TOML}: number: is missing"),
    ('title = "First"', 'title = " "', f"{TOML}: title: is empty"),
    ('title = "First"', 'tilte = "First"', f"{TOML}: title: is missing"),
    ("number = 1", "number = 1\nnumbers = 1", f"{TOML}: numbers: unknown key; did you mean number"),
    ("number = 1", "number = 1\nq = 1", "q: unknown key; known: number, title, exercise"),
    ("number = 1", "number = ", f"{TOML}: Invalid value"),
    ("points = 10\nscenarios = [\"first-real\", ", "points = 0\nscenarios = [",
     f"{AMD}: points: must be positive, not 0"),
    ('todo = "AMD."', "", f"{AMD}: todo: is missing"),
    ('todo = "AMD."', 'todo = "a */ b"', f"{AMD}: todo: */ would end"),
    ('todo = "AMD."', 'todo = "x"\npoint = 1', f"{AMD}: point: unknown key; did you mean points?"),
    ('todo = "AMD."', 'todo = "x"\nkind = "guess"', f"{AMD}: kind: must be one of fill"),
    ('todo = "AMD."', 'todo = "x"\nneeds = ["1.9"]', "needs: there is no exercise 1.9 on this"),
    ('todo = "AMD."', 'todo = "x"\nneeds = ["1.10"]', "needs: 1.10 is not an earlier exercise"),
    ('todo = "AMD."', 'todo = "x"\nneeds = ["a"]', f"{AMD}: needs: 'a' is not acceptable"),
    ('todo = "AMD."', 'todo = "x"\nneeds = "a"', f"{AMD}: needs: must be a list of texts"),
    ('todo = "AMD."', 'todo = "x"\nfuncs = ["a.c:b"]', f"{AMD}: func: give either func or funcs"),
    ('todo = "AMD."', 'todo = "x"\nstub = "}"', "stub: hv/svm.c:14: nothing here is closed"),
    ('"first-long"]', '"first-real"]', f"{AMD}: scenarios: 'first-real' is there twice"),
    ('"first-long"]', '"First"]', f"{AMD}: scenarios: 'First' is not acceptable"),
    ('"amd"', '"arm"', "exercise 1.2 (arm): track: must be one of amd, intel, common, not 'arm'"),
    ('"amd"', '"intel"', "exercise 1.2 (intel): id: 1.2 (intel) is there already"),
    ('"amd"', '"common"', "exercise 1.2 (common): id: 1.2 (intel) is there already"),
    ('id = "1.10"', 'id = "2.10"', "exercise 2.10 (common): id: must be like 1.1, not '2.10'"),
    ('id = "1.10"', "id = 1.10", "id: must be a text, not 1.1"),
    ("hv/vmx.c:vmx_start", "hv/vmx.c:svm_start", "(intel): func: hv/vmx.c:1: there is no defin"),
    ("hv/svm.c:svm_start", "hv/none.c:svm_start", f"{AMD}: func: hv/none.c:1: can't read the f"),
    ("hv/svm.c:svm_start", "../svm.c:svm_start", f"{AMD}: func: must be like hv/hvm/svm.c:svm_run"),
    ("hv/svm.c:svm_start", "/svm.c:svm_start", f"{AMD}: func: must be like"),
    ("hv/svm.c:svm_start", "hv/svm.h:svm_start", f"{AMD}: func: must be like"),
    ('funcs = ["hv/enter.S:enter", "hv/core.c:leave"]', "funcs = []", "funcs: must be like"),
    ('match = "rip=0x0+ "', 'match = "("', f"{AMD}: hint rip: match: bad regular expression"),
    ('name = "rip"', 'name = "R I P"', "name: must be small letters"),
    ('text = "RIP was never set."', "", f"{AMD}: hint rip: text: is missing"),
    ('text = "RIP was never set."', 'text = "x"\n[[exercise.hints]]\nname = "rip"\nmatch = "x"\n'
     'text = "y"', f"{AMD}: hints: a name is there twice"),
    ('[[exercise.hints]]\nname = "rip"', '[[exercise.hints]]\nname = "rap"',
     "no-rip.c: hint: exercise 1.2 (amd) has no hint 'rip'"),
])
def test_mistakes(project: Path, old: str, new: str, message: str) -> None:
    assert LAB1.count(old) >= 1
    head, _, tail = LAB1.rpartition(old)
    (project / TOML).write_text(head + new + tail)
    with pytest.raises(UserError) as info:
        labs.load(project)
    assert message in str(info.value)


def test_mistakes_between_labs(project: Path) -> None:
    (project / "labs/01-again").mkdir()
    (project / "labs/01-again/lab.toml").write_text('number = 1\ntitle = "x"\n')
    with pytest.raises(UserError, match="01-first/lab.toml: number 1 is labs/01-again's already"):
        labs.load(project)
    (project / "labs/01-again/lab.toml").write_bytes(b"\xff")
    with pytest.raises(UserError, match="01-again/lab.toml:1: byte 0xff is not UTF-8"):
        labs.load(project)
    with pytest.raises(UserError, match="no labs here"):
        labs.load(project / "hv")


def test_a_common_exercise_may_need_one_of_each_track(project: Path) -> None:
    (project / "labs/02-second/lab.toml").write_text(LAB2.replace('"common"', '"amd"'))
    assert labs.load(project)[1].exercises[0].needs == ("1.2", "1.10")


def test_broken_functions_can_be_tolerated(project: Path) -> None:
    (project / "hv/svm.c").write_text("}")
    assert len(labs.load(project, check_functions=False)) == 2


@pytest.mark.parametrize("old, new, message", [
    ("mutant: no-rip", "mutant no-rip", "the first comment must start with `mutant: NAME`"),
    ("mutant: no-rip\n", "muttant: no-rip\n", "mutant: is missing"),
    (" * track: amd\n", "", "track: is missing"),
    ("track: amd", "track: intel", "hint: exercise 1.2 (intel) has no hint 'rip'"),
    ("exercise: 1.2", "exercise: 2.1", "exercise: there is no exercise 2.1 (amd) in this lab"),
    (" * hint: rip\n", " * hint: rip\n * hint: rip\n", "hint: is there twice"),
    ("int svm_start", "int svm_stop", "no-rip.c:1: there is no definition of svm_start"),
    ("return 0", "__attribute__", "no-rip.c:14: __attribute__ is not accepted here"),
])
def test_mistakes_in_mutants(project: Path, old: str, new: str, message: str) -> None:
    (project / "labs/01-first/mutants/no-rip.c").write_text(MUTANT.replace(old, new))
    with pytest.raises(UserError) as info:
        labs.load(project)
    assert message in str(info.value)


def test_two_mutants_of_a_name(project: Path) -> None:
    (project / "labs/01-first/mutants/again.c").write_text(MUTANT)
    with pytest.raises(UserError, match="mutant: the name no-rip is there twice"):
        labs.load(project)
    (project / "labs/01-first/mutants/again.c").unlink()
    (project / "labs/01-first/mutants/again.S").write_text(MUTANT)
    with pytest.raises(UserError, match="has not the type of file of hv/svm.c:svm_start"):
        labs.load(project)
    assert FILES["labs/01-first/mutants/no-rip.c"] == MUTANT
