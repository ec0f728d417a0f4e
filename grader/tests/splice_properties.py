"""What must be true of the splice, whatever a student's file has in it; and files to try it on."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nestling import clex, splice
from nestling.clex import Refused

PATH = "hv/hvm/svm.c"
ASM = "hv/hvm/svm_enter.S"

PRISTINE = """\
/* svm.c - the AMD back end */
#include "hvm/svm.h"

#define BIT(n) (1ul << (n))

static const u32 msrs[] = { 1, 2, 3 };

/* Known to the project. */
static int svm_segment(struct vcpu *v, int n)
{
    return v->seg[n];
}

/**
 * The contract.
 */
int svm_init_guest(struct vcpu *v, u64 rip)
{
    v->rip = rip;
    return svm_segment(v, 0);
}

void svm_run(struct vcpu *v)
{
    kprintf("run }\\n");
    svm_init_guest(v, 0);
}
""".replace("    ", "\t")

PRISTINE_ASM = """\
/* The world switch. */
#include "x86/asm.h"
.macro SAVE reg
    push \\reg
.endm

/* FUNC(svm_enter) is only a comment here. */
FUNC(svm_enter)
    push %rbx
1:    vmrun
    ret
END(svm_enter)

FUNC(svm_other)
    ret
END(svm_other)
""".replace("    ", "\t")


HEAD = "int svm_init_guest(struct vcpu *v, u64 rip)"


def with_body(code: str, above: str = "", head: str = HEAD) -> str:
    """The project's file as a student left it: another body, and `above` on top of the comment."""
    start = PRISTINE.index("/**\n * The contract.")
    end = PRISTINE.index("void svm_run")
    function = f"/**\n * The contract.\n */\n{head}\n{code}\n\n"
    return PRISTINE[:start] + above + function + PRISTINE[end:]


def asm_with(lines: str) -> str:
    return PRISTINE_ASM.replace("\tpush %rbx\n1:\tvmrun\n\tret\n", lines)


HELPERS = """\
/* A table. */
static const u8 table[4] = { 1 << (2), [3] = '}' };

/* Not adjacent. */

// One line,
// and another.
static inline int twice(int (*f)(int), const struct x *a, int n[2])
{
    return 2 * table[f(n[0])];
}
""".replace("    ", "\t")

# --- what files are made of ---

SPICE = st.sampled_from([
    "/* } */ ", "// {\n", '"}{" ', "'{' ", "x = 1;\n", "if (a) ", "'\\'' ", '"\\"" ', "a[1] ", "\t",
    "(b) ", "({ 1; }) ", "/*\n * }\n */\n", "-- ", "1.5e3 ", "f(); ", "\n",
])
BODIES = st.recursive(
    SPICE,
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: "{ " + "".join(parts) + "}\n")
    | st.lists(inner, max_size=4).map("".join),
    max_leaves=25,
).map(lambda inner: "{ " + inner + "\n}")
GAPS = st.sampled_from([" ", "\n", "\n\n  ", " /* { */ ", " // {\n"])

TARGETS = [(PRISTINE, "svm_init_guest", PATH), (PRISTINE_ASM, "svm_enter", ASM),
           (with_body('{ asm("nop" : : "r"(v)); twice(0); }', HELPERS), "svm_init_guest", PATH)]
# Brackets, the ends of strings and comments, what a preprocessor or an assembler obeys.
HOSTILE = st.sampled_from([
    "{", "}", "(", ")", "[", "]", '"', "'", '\\"', "\\'", "/*", "*/", "//", "\\\n", "\\", "\n",
    "\r\n", "\r", "\t", "\0", "\f", "#", "##", "\n#if 0\n", "\n#if X\n", "\n#elif 1\n",
    "\n#else\n", "\n#endif\n", "\n#include \"x\"\n", "\n#define f(x) {\n", "\n#define X \\\n",
    "\n#undef f\n", "\n#pragma ", "\n # line 1\n", "\n/**/#if 0\n", "_Pragma(", "??/", "??<", "<%",
    "%>", "<:", "%:", "[[", "]]", "asm(", "asm volatile(\"", "=", ";", ":", ",", "...", "static ",
    "const ", "@", "$", "enum", "struct ", "typedef ", "extern ", "inline ", "__attribute__((",
    "_Static_assert(", "FUNC(svm_enter)\n", "END(svm_enter)\n", ".section ", "\n.macro ",
    "; .globl ", "int f(void) {", "\n#define ", " ", "L", "u8R\"(", "1", "0x", "1.5e+", "\u202e",
    "\ufeff", "é",
])
PARTS = (HOSTILE | st.tuples(HOSTILE, st.integers(2, 40)).map(lambda pair: pair[0] * pair[1])
         | st.text(string.printable, max_size=3) | st.text(max_size=2))
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PARTS), max_size=6)

# --- what must be true of them ---


def random_bodies_round_trip(mine: str, other: str, gap: str) -> None:
    """What is taken from a good file goes into another, and back."""
    text = f"int f(void);\nint e(void)\n{other}\nint f(void){gap}{mine}\nint g(void) {other}\n"
    assert splice.body(text, "f", PATH) == mine
    piece = splice.take(text, "f", PATH)
    assert splice.put(text, "f", piece, PATH) == text
    swapped = splice.put(text, "f", splice.take(f"int f(void) {other}", "f", PATH), PATH)
    span = splice.find(text, "f", PATH)
    assert swapped == text[:span.body] + other + text[span.body_end:]
    assert splice.put(swapped, "f", piece, PATH) == text


def garbage_is_refused_or_stays_within_the_span(
    target: tuple[str, str, str], edits: list[tuple[float, int, str]]
) -> None:
    """A good file with garbage in it changes nothing but its function's body, and helpers."""
    text, name, path = target
    pristine = PRISTINE_ASM if path == ASM else PRISTINE
    for where, cut, part in edits:
        at = int(where * len(text))
        text = text[:at] + part + text[at + cut:]
    try:
        piece = splice.take(text, name, path, pristine)
        result = splice.put(pristine, name, piece, path)
    except Refused as error:
        assert error.line >= 1 and error.reason
        return
    span = splice.find(pristine, name, path)
    assert result.startswith(pristine[:span.start])
    assert result.endswith(pristine[span.start:span.body] + piece.body + pristine[span.body_end:])
    added = result[span.start:len(result) - len(piece.body) - len(pristine) + (
        span.body_end - span.body) + span.start]
    assert added == "".join(helper.text + "\n\n" for helper in piece.helpers)
    assert splice.body(result, name, path) == piece.body


def plain_garbage_raises_nothing_but_refused(text: str, path: str) -> None:
    """A file of nothing but garbage is refused, or what is taken from it goes back."""
    for full in (text, f"int f(void) {{ {text} }}\n", f"FUNC(f)\n{text}\nEND(f)\n"):
        try:
            piece = splice.take(full, "f", path, full)
            assert splice.put(full, "f", piece, path) == full
        except Refused:
            pass


def bytes_raise_nothing_but_refused(data: bytes) -> None:
    """Nor does a file that is no text."""
    try:
        splice.take(clex.decode(data, PATH), "f", PATH)
    except Refused:
        pass


@dataclass(frozen=True)
class Property:
    """A check for any inputs of these kinds, and how many a test tries."""

    check: Callable[..., None]
    inputs: tuple[SearchStrategy, ...]
    examples: int


PROPERTIES = {one.check.__name__: one for one in (
    Property(random_bodies_round_trip, (BODIES, BODIES, GAPS), 100),
    Property(garbage_is_refused_or_stays_within_the_span, (st.sampled_from(TARGETS), EDITS), 300),
    Property(plain_garbage_raises_nothing_but_refused,
             (st.text(max_size=60) | st.lists(PARTS, max_size=30).map("".join),
              st.sampled_from([PATH, ASM])), 300),
    Property(bytes_raise_nothing_but_refused, (st.binary(max_size=80),), 100),
)}
