"""deletion.py: what can be left out of a body, and what remains."""

from __future__ import annotations

from pathlib import Path

import pytest

from nestling import labs, splice
from nestling.clex import Refused
from nestling.deletion import Deletion, deletions

ROOT = Path(__file__).resolve().parents[3]


def of_c(body: str) -> list[Deletion]:
    return deletions(f"int f(int a)\n{{\n{body}\n}}\n", "f", "hv/a.c")


def texts(body: str) -> list[str]:
    """What is deleted, with single blanks."""
    return [" ".join(one.text.split()) for one in of_c(body)]


def test_statements_one_by_one() -> None:
    found = of_c("\ta = 1;\t/* why */\n\tg(a,\n\t  2);\n\treturn a;")
    assert [(one.kind, one.line, one.text) for one in found] == [
        ("statement", 3, "a = 1;"), ("statement", 4, "g(a,\n\t  2);"),
        ("statement", 6, "return a;")]
    assert found[1].body == "{\n\ta = 1;\t/* why */\n\t;\n\treturn a;\n}"


@pytest.mark.parametrize("body", [
    "int x;", "int x = 1, *y = &x;", "struct s t;", "const u8 *p = q;", "u64 n = f(a);",
    "enum hv_reg r;", "hpa_t *p = q;", "static const char *const names[2];", ";", "", "{ }",
    "struct { int b; } x;", "u8 all[] = { 0 };"])
def test_what_declares_or_does_nothing_stays(body: str) -> None:
    assert texts(body) == []


@pytest.mark.parametrize(("body", "expected"), [
    ("if (a)\n\tb();", ["if (a) b();", "b();"]),
    ("if (a) { b(); c(); } else d();", ["if (a) { b(); c(); } else d();", "b();", "c();", "d();"]),
    ("if (a) b(); else if (c) d(); else e();",
     ["if (a) b(); else if (c) d(); else e();", "b();", "if (c) d(); else e();", "d();", "e();"]),
    ("for (int i = 0; i < 9; i++) b();", ["for (int i = 0; i < 9; i++) b();", "b();"]),
    ("while (a) { break; }", ["while (a) { break; }", "break;"]),
    ("do { continue; } while (a);", ["do { continue; } while (a);", "continue;"]),
    ("do b(); while (a); c();", ["do b(); while (a);", "b();", "c();"]),
    ("list_for_each(x, y) { b(); }", ["list_for_each(x, y) { b(); }", "b();"]),
    ("asm volatile(\"cli\" : : : \"memory\");", ['asm volatile("cli" : : : "memory");']),
    ("goto out; out: b();", ["goto out;", "b();"]),
    ("a * b;", []),  # can't be told from a declaration, and does nothing if it is none
    ("*a = 1;", ["*a = 1;"]),
    ("(void)a;", ["(void)a;"]),
    ("return (struct s){ .a = 1, .b = 2 };",
     ["return (struct s){ .a = 1, .b = 2 };", ".a = 1", ".b = 2"]),
    ("x = ({ b(); c; });", ["x = ({ b(); c; });", "b();", "c;"]),
])
def test_parts_of(body: str, expected: list[str]) -> None:
    assert texts(body) == expected


def test_a_switch_and_the_statements_of_its_cases() -> None:
    body = """\
	switch (a) {
	case A ? 1 : 2:
	case 5 ... 7:
		b();
		break;
	case 8: {
		c();
	}
	default:
		return 1;
	}"""
    assert texts(body)[1:] == ["b();", "break;", "c();", "return 1;"]


def test_elements_and_rows() -> None:
    body = """\
	static const struct row rows[] = {
		[1] = { .name = "one, or 1", .value = f(1, 2) },
		{ "two", 2 },
		ROW(3),
	};
	struct s t = { .only = 1 };"""
    assert texts(body) == [
        '[1] = { .name = "one, or 1", .value = f(1, 2) }', '.name = "one, or 1"',
        ".value = f(1, 2)", '{ "two", 2 }', '"two"', "2", "ROW(3)", ".only = 1"]
    assert [one.kind for one in of_c(body)] == ["element"] * 8
    two = of_c(body)[3]
    assert two.text == '{ "two", 2 }' and two.body.count("\n\t\t\n") == 1


def test_lines_of_comments_make_no_difference() -> None:
    assert of_c("\ta = 1;")[0].words("a.c") == of_c("\ta  = /* x */ 1;")[0].words("a.c")


ASM = """\
#include "x86/asm.h"
FUNC(f)
    push %rbx          /* kept */
1:  mov (1 * 8)(%rsi), %rcx; sti
    .globl f_label
f_label:
    .byte 1, 2
    // nothing
2:
    ret
END(f)
FUNC(g)
    cli
END(g)
""".replace("    ", "\t")


def test_instructions() -> None:
    found = deletions(ASM, "f", "hv/a.S")
    assert [(one.kind, one.line, one.text) for one in found] == [
        ("instruction", 3, "push %rbx"), ("instruction", 4, "mov (1 * 8)(%rsi), %rcx"),
        ("instruction", 4, "sti"), ("instruction", 10, "ret")]
    assert found[0].body.lstrip().startswith("/* kept */\n1:")
    assert found[1].body.splitlines()[2].split() == ["1:", ";", "sti"]


def test_a_function_that_is_not_there() -> None:
    with pytest.raises(Refused, match="there is no definition of h"):
        deletions(ASM, "h", "hv/a.S")


def test_all_of_the_exercises_can_be_spliced() -> None:
    for exercise in labs.all_exercises(labs.load(ROOT, check_functions=False)):
        for func in exercise.funcs:
            text = (ROOT / func.path).read_text()
            for one in deletions(text, func.name, func.path):
                assert splice.set_body(text, func.name, one.body, func.path) != text
