"""The splice library: what it takes, what it refuses, and that it touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from nestling import clex, rules, splice
from nestling.clex import Refused
from splice_properties import (ASM, HELPERS, PATH, PRISTINE, PRISTINE_ASM, PROPERTIES,
                               asm_with, with_body)


def take(code: str, above: str = "") -> splice.Piece:
    return splice.take(with_body(code, above), "svm_init_guest", PATH, PRISTINE)


def refused(code: str, above: str = "") -> str:
    with pytest.raises(Refused) as info:
        take(code, above)
    assert info.value.path == PATH and info.value.line >= 1
    return info.value.reason


def refused_file(text: str, name: str = "f", path: str = PATH) -> str:
    with pytest.raises(Refused) as info:
        splice.find(text, name, path)
    return info.value.reason


# --- finding a definition ---


def test_find_knows_all_parts() -> None:
    span = splice.find(PRISTINE, "svm_init_guest", PATH)
    assert PRISTINE[span.head:].startswith("int svm_init_guest")
    assert PRISTINE[span.start:].startswith("/**\n * The contract.")
    assert PRISTINE[span.body:span.body_end].startswith("{\n\tv->rip")
    assert PRISTINE[:span.end].endswith("svm_segment(v, 0);\n}")
    assert span.line == 17


@pytest.mark.parametrize("code", [
    "int f(void)\n{\n\treturn 1;\n}",
    "int f(void) {\n\treturn 1;\n}",
    "int f(void) { return 1; }",
    "int\nf (void)\n  {\n    return 1;\n  }",
    "int f(void)\n\t\t{ return\n1; }",
    "int f(void) /* { */ // {\n{ return 1; }",
    "__noreturn __printf(1, 2) int f(void) { return 1; }",
    "static struct x *f(int (*g)(int), int a[static 3]) { return 1; }",
])
def test_brace_styles(code: str) -> None:
    for text in (code, f"int a(void) {{ return f(); }}\n{code}\nint b(void)\n{{\n\tf();\n}}\n",
                 f"int f(void);\nextern int (*g)(int);\n{code}\nint x = sizeof(f(1));\n"):
        assert "".join(splice.tokens(splice.body(text, "f", PATH), PATH)) == "{return1;}"


@pytest.mark.parametrize("inner", [
    "", "/* } */", "// }", '"}"', "'}'", "'\\''; '}'", '"\\"}"', '"\\\\"', "// \"",
    "/* \" */", "/* // */", "// /*", '"/*"; "*/"', "({ int x = 1; { x; } x; });",
    "struct s a = { .b = { 1, { 2 } } };", "if (x) { } else { }", "a[({ 1; })] = (struct s){ };",
    "/* ' */", "f(f(1));", "/**/", "/*/ } */", 'x = "a" "}" "b";', "x ? y : z;", "é = \"é\";"[4:],
])
def test_bodies_with_braces_in_odd_places(inner: str) -> None:
    for code in (f"{{ {inner}\n}}", f"{{\n{inner}\n{{}}{inner}\n}}"):
        text = f"int e() {{ {inner}\n}}\nint f(void)\n{code}\nint g(void)\n{{\n\t1;\n}}\n"
        assert splice.body(text, "f", PATH) == code
        assert splice.put(text, "f", splice.take(text, "f", PATH), PATH) == text


def test_disabled_code_does_not_count() -> None:
    text = ("#if 0 /* old */\nint f(void) { } }\n#endif\n#define f(x) {\n"
            "int f(void)\n{\n#if 0\n\t}\n#else\n\t1;\n#endif\n}\nint g(void) {}\n")
    assert splice.body(text, "f", PATH).endswith("1;\n#endif\n}")
    with pytest.raises(Refused, match="no preprocessor lines"):
        splice.take(text, "f", PATH)


@pytest.mark.parametrize("text, reason", [
    ("int f(void);\nint g(void) { return f(); }\n", "no definition of f"),
    ("int f(void) {}\nint f(void) {}\n", "a second time"),
    ("#ifdef A\nint f(void) {}\n#else\nint f(void) {}\n#endif\n", "a second time"),
    ("#ifdef A\nint f(void) {}\n#endif\n", "#if decides"),
    ("#ifdef A\nstatic\n#endif\nint f(void) {}\n", "#if decides"),
    ("#if 0\n#elif X\nint f(void) {}\n#endif\n", "#if decides"),
    ("#if 1\n#else\nint f(void) {}\n#endif\n", "no definition of f"),
    ("int f(void)\n#ifdef A\n{\n#else\n{ 1;\n#endif\n}\n", "brackets do not balance"),
    ("int f(void) {\n#ifdef A\n}\n#endif\n}\n", "nothing here is closed"),
    ("int f(void)\n#ifdef A\n{ 1; }\n#else\n{ 2; }\n#endif\n", "belongs to no definition"),
    ("#if X\nint f(void) {}\n", "no #endif"),
    ("int f(void) {}\n#endif\n", "#endif without #if"),
    ("#if X\n#else\n#else\n#endif\nint f(void) {}\n", "after #else"),
    ("int f(void) {\n", "never closed"),
    ("int f(void) { ( }\n", "can't be closed by }"),
    ("int f(void) {} }\n", "nothing here is closed"),
    ("int f(a) int a; { return a; }\n", "belongs to no definition"),
    ("int f = { 1 };\n", "no definition of f"),
    ("struct f { int a; };\n", "no definition of f"),
    ("int x = g(f(1));\nint (*h)(int) = f;\n", "no definition of f"),
    ("int f(void) { /* }\n", "never closed"),
    ("int f(void) { \"}\n\"; }\n", "closing \" is missing"),
    ("int f(void) { '}\n'; }\n", "closing ' is missing"),
    ("int f(void) { \"a\\\nb\"; }\n", "closing \" is missing"),
    ("int f(void) { R\"(})\"; }\n", "only plain strings"),
    ("int f(void) { u8R\"(})\"; }\n", "only plain strings"),
    ("int f(void) { L'}'; }\n", "only plain strings"),
    ("int f(void) <% }\n", "digraph <%"),
    ("int f(void) { a<:0:>; }\n", "digraph <:"),
    ("%:define X\nint f(void) {}\n", "digraph %:"),
    ("#define X %:\nint f(void) {}\n", "digraph %:"),
    ("int f(void) { } // what??/\n", "trigraph ??/"),
    ("int f(void) { \"??<\"; }\n", "trigraph ??<"),
    ("int f(void) { // \\\n }\n}\n", "swallows the next line"),
    ("int f(void) { // \\ \t\n }\n}\n", "swallows the next line"),
    ("int f(void) { /* *\\\n/ } /* */ }\n", "split over two lines"),
    ("int f(void) { /* *\\  \n\\\n/ } /* */ }\n", "split over two lines"),
    ("int (*f(int a))(int) { }\n", "can't tell what this { belongs to"),
    ("int f(void) { /\\\n* } */ }\n", 'end in "\\" only within'),
    ("int f(void) { x\\\n; }\n", 'end in "\\" only within'),
    ("#def\\\nine X\nint f(void) {}\n", "split a word"),
    ("#define X don't\nint f(void) {}\n", "closing ' is missing"),
    ("int f(void) { \x00 }\n", "U+0000"),
    ("int f(void) { \x0c }\n", "U+000C"),
    ("int f(void) { /* \r */ }\n", "U+000D"),
    ("int f(void) { /* \x1b[2K */ }\n", "U+001B"),
    ("int f(void) { /* \u202e */ }\n", "U+202E"),
    ("int f(void) { /* \u2028 */ }\n", "U+2028"),
    ("\ufeffint f(void) { }\n", "U+FEFF"),
    ("int f(void) { \ud800 }\n", "U+D800"),
    ("int f(void) { ä; }\n", "can't stand here"),
    ("int f(void) { \\u0041; }\n", "can't stand here"),
    ("int f(void) { a$b; @ ` }\n", "can't stand here"),
])
def test_files_that_are_refused(text: str, reason: str) -> None:
    assert reason in refused_file(text)


def test_a_refusal_names_file_line_and_reason() -> None:
    with pytest.raises(Refused) as info:
        splice.find("\n\nint f(void) { // \\\n}\n", "f", "a/b.c")
    assert str(info.value) == 'a/b.c:3: a // comment that ends in "\\" swallows the next line'


def test_directives_with_comments_and_continuations() -> None:
    text = ("#define A(x) do { \\\n\t\tx; \\\n\t} while (0) /* { \n } */\n"
            "/* c */ # define B '}' \"}\"\n"
            "#ifdef A\nint a(void) { }\n#else\nint b(void) { }\n#endif\nint f(void) { A(B); }\n")
    assert splice.body(text, "f", PATH) == "{ A(B); }"


def test_decode(tmp_path: Path) -> None:
    assert clex.decode("a\r\nä\n".encode(), PATH) == "a\nä\n"
    for data, line in ((b"a\n\xff", 2), (b"\xc0\x80", 1), (b"\xed\xa0\x80", 1),
                       (b"\n" * (clex.MAX_FILE + 1), 1)):
        with pytest.raises(Refused) as info:
            clex.decode(data, PATH)
        assert info.value.line == line
    with pytest.raises(Refused, match="can't read"):
        clex.read(tmp_path / "none", PATH)


# --- taking a piece ---


@pytest.mark.parametrize("code", [
    "{\n\treturn 0;\n}",
    '{ asm volatile("vmrun %0" : : "a"(v) : "memory"); }',
    '{ __asm__ __volatile__ ("1:\\tmov %1, %0\\n\\t" /* c */ ".byte 0x0f, 0x01\\n" : "=r"(x)); }',
    '{ if (v) asm("cli"); else asm("sti"); for (;;) asm goto("jmp %l0" :::: out); out: asm(""); }',
    '{ asm("rep stosb; mfence\\n2: jmp 2b"); }',
    '{ asm("jmp *%0" :: "r"(v)); asm inline("" ::: "memory"); }',
    "{ __builtin_memset(v, 0, sizeof(*v)); kprintf(\"%s .section\", __func__); }",
    "{ __label__ out; static const int t[] = { 1, 2 }; goto out; out: return t[a[0]]; }",
    "{ int END = 1; return END; }",
    "{ __typeof__(v) w = ({ v; }); struct { int a : 1; } s = { 0 }; return w->x[s.a]; }",
    '{ kprintf("%" PRIx64"\\n", 1); }',
])
def test_accepted_bodies(code: str) -> None:
    assert take(code).body == code


@pytest.mark.parametrize("code, reason", [
    ("{\n#include \"/etc/passwd\"\n}", "no preprocessor lines"),
    ("{\n/* c */ #pragma GCC poison x\n}", "no preprocessor lines"),
    ("{\n#if 0\n}\n#endif\n}", "no preprocessor lines"),
    ("{\n# 1 \"other.c\"\n}", "no preprocessor lines"),
    ("{ x(\n#define Y\n); }", "no preprocessor lines"),
    ("{ _Pragma(\"GCC diagnostic ignored\") }", "_Pragma is not accepted"),
    ("{ __pragma(x) }", "__pragma is not accepted"),
    ("{ x # y; }", "# is not accepted"),
    ("{ static int x __attribute__((section(\".init\"))); }", "__attribute__ is not accepted"),
    ("{ int x __attribute((cleanup(f))); }", "__attribute is not accepted"),
    ("{ __declspec(x) int y; }", "__declspec is not accepted"),
    ("{ [[gnu::section(\"x\")]] static int y; }", "[[ ]] attributes"),
    ("{ [ /* c */ [gnu::used] ] static int y; }", "[[ ]] attributes"),
    ("{ static _Thread_local int x; }", "_Thread_local is not accepted"),
    ("{ static int x __section(\".init\"); }", "__section is not accepted"),
    ("{ extern int g(void) asm(\"panic\"); }", "as a statement only"),
    ("{ extern int x __asm__(\"svm_run\"); }", "as a statement only"),
    ("{ int a[3] asm(\"x\"); }", "as a statement only"),
    ("{ register long r asm(\"r10\") = 1; }", "as a statement only"),
    ("{ int if_(int while_) asm(\"x\"); }", "as a statement only"),
    ("{ asm; }", "must be followed by ("),
    ("{ asm(STRING); }", "plain strings, without macros"),
    ("{ asm(\"nop\" STR(.section x)); }", "plain strings, without macros"),
    ("{ asm(STR \"nop\"); }", "plain strings, without macros"),
    ("{ asm(\".section .init\"); }", ".section .init"),
    ("{ asm(\"nop; .pushsection .text.boot\"); }", ".pushsection"),
    ("{ asm(\"nop\\n\\t.incbin \\\"/etc/passwd\\\"\"); }", "is not accepted in the text of asm"),
    ("{ asm(\"nop\\n.inc\" \"bin x\"); }", ".incbin x"),
    ("{ asm(\"\\x2esection x\"); }", "\\ is not accepted"),
    ("{ asm(\"\\56section x\"); }", "\\ is not accepted"),
    ("{ asm(\"1: 2 : .globl panic\"); }", ".globl panic"),
    ("{ asm(\"{nop|.section x}\"); }", ".section x"),
    ("{ asm(\"{.section x|nop}\"); }", ".section x"),
    ("{ asm(\".byte\"); }", "`.byte`"),
    ("{ asm(\".byte1 2\"); }", "`.byte1 2`"),
    ("{ asm(\".fill 99999999\"); }", ".fill"),
    ("{ asm(\". = 0x100000\"); }", ". = 0x"),
    ("{ asm(\"panic:\"); }", "`panic:`"),
    ("{ asm(\"panic  :\"); }", "`panic  :`"),
    ("{ asm(\"panic /**/ : nop\"); }", "/ is not accepted"),
    ("{ asm(\"panic = 5\"); }", "panic = 5"),
    ("{ asm(\"%c0 = 5\" :: \"i\"(panic)); }", "%c0 = 5"),
    ("{ asm(\"_x%=: nop\"); }", "_x%=: nop"),
    ("{ asm(\"x%=: nop\"); }", "x%=: nop"),
    ("{ asm(\".Lx: nop\"); }", ".Lx: nop"),
    ("{ asm(\"rep%; .section x\"); }", "rep%"),
    ("{ asm(\"#NO_APP\"); }", "# is not accepted"),
    ("{ asm(\"foo 'a\"); }", "' is not accepted"),
])
def test_refused_bodies(code: str, reason: str) -> None:
    assert reason in refused(code)


def test_brace_style_does_not_reach_the_next_function() -> None:
    text = PRISTINE.replace("u64 rip)\n{", "u64 rip) {")
    assert splice.take(text, "svm_init_guest", PATH, PRISTINE).body == (
        "{\n\tv->rip = rip;\n\treturn svm_segment(v, 0);\n}")


def test_helpers_come_along() -> None:
    piece = take("{ return twice(0, 0, 0); }", HELPERS)
    assert [helper.name for helper in piece.helpers] == ["table", "twice"]
    assert piece.helpers[0].text.startswith("/* A table. */\nstatic const u8")
    assert piece.helpers[1].text.startswith("// One line,\n// and another.\nstatic inline")
    result = splice.put(PRISTINE, "svm_init_guest", piece, PATH)
    at = result.index("/* A table. */")
    assert result[at:].startswith(
        f"{piece.helpers[0].text}\n\n{piece.helpers[1].text}\n\n/**\n * The contract.")
    assert splice.put(result, "svm_init_guest", piece, PATH) == result
    assert splice.take(result, "svm_init_guest", PATH, PRISTINE).helpers[1].text == (
        piece.helpers[1].text)


def test_helpers_stop_at_what_the_project_defines() -> None:
    assert take("{ return svm_segment(v, 1); }").helpers == ()
    changed = with_body("{ return svm_segment(v, 1); }").replace("v->seg[n]", "panic()")
    piece = splice.take(changed, "svm_init_guest", PATH, PRISTINE)
    assert "panic" not in splice.put(PRISTINE, "svm_init_guest", piece, PATH)


def test_helpers_without_a_pristine_file() -> None:
    piece = splice.take(PRISTINE, "svm_init_guest", PATH)
    assert [helper.name for helper in piece.helpers] == ["svm_segment"]
    assert splice.put(PRISTINE, "svm_init_guest", piece, PATH) == PRISTINE


@pytest.mark.parametrize("above, name", [
    ("int helper(int x) { return x; }\n", "helper"),
    ("inline static int helper(int x) { return x; }\n", "helper"),
    ("static int helper;\n", "helper"),
    ("static int helper = 1;\n", "helper"),
    ("static const int helper;\n", "helper"),
    ("static const int helper = 1, other = 2;\n", "other"),
    ("static int (*const helper[])(int) = { 0 };\n", "helper"),
    ("static const int helper[] asm(\"panic\") = { 1 };\n", "helper"),
    ("static const int helper[] __attribute__((section(\"x\"))) = { 1 };\n", "helper"),
    ("static const struct helper { int a; } other[] = { { 1 } };\n", "other"),
    ("static const enum { helper, other = 2 } x = other;\n", "other"),
    ("enum kind { ONE, helper };\n", "helper"),
    ("typedef int helper;\n", "helper"),
    ("typedef int (*helper)(int);\n", "helper"),
    ("struct tag { int a; } *other, helper;\n", "helper"),
    ("struct helper { int a; };\n", "helper"),
    ("static int helper(int x);\n", "helper"),
    ("#define helper 1\n", "helper"),
    ("#define helper(x) __attribute__((x))\n", "helper"),
    ("static int helper(int x) { return x; }\n#define X\n", "helper"),
    ("static int helper(int x) { return x; }\nint between;\n", "helper"),
])
def test_what_can_not_come_along_is_named(above: str, name: str) -> None:
    reason = refused(f"{{ return {name} + (1); }}", above)
    assert f"uses {name}, which would stay behind" in reason
    if not above.startswith("static int helper(int x) {"):
        assert take("{ return 1; }", above).helpers == ()


def test_unused_names_of_the_student_do_not_matter() -> None:
    above = "struct vcpu;\nextern struct vcpu *cur;\n;\n= 1;\n(x);\n_Static_assert(1, \"\");\n"
    text = "= 1;\n;" + with_body("{ struct vcpu *w = v; _Static_assert(1, \"\"); }", above)
    assert splice.take(text, "svm_init_guest", PATH, PRISTINE).helpers == ()


@pytest.mark.parametrize("above, reason", [
    ("static __attribute__((constructor)) void h(void) { }\n", "__attribute__ is not accepted"),
    ("static void __init h(void) { }\n", "__init is not accepted"),
    ("static [[gnu::constructor]] void h(void) { }\n", "[[ ]] attributes"),
    ("static SECTION(\".init\") int h(void) { }\n", "not a plain static function"),
    ("static int h(int a = \"x\") { }\n", "is not accepted in the head"),
    ("static void memcpy(void *a) { }\n", "not a plain static function"),
    ("static const int t[] = { ({ asm(\".section x\"); 1; }) };\n", ".section x"),
    ("static int h(void)\n{\n#include \"x\"\n}\n", "no preprocessor lines"),
    ("static int h(void) { asm(\".section x\"); }\n", ".section x"),
])
def test_refused_helpers(above: str, reason: str) -> None:
    assert reason in refused("{ h(); memcpy(t); return 0; }", above)
    assert take("{ return 0; }", above).helpers == ()


def test_size_limit() -> None:
    take("{ /* %s */ }" % ("x" * 65000))
    assert "the limit is 65536" in refused("{ /* %s */ }" % ("x" * 65536))
    big = "static int h(void) { /* %s */ }\n" % ("x" * 40000)
    assert "the limit is 65536" in refused("{ h(); /* %s */ }" % ("x" * 40000), big)


def test_denied_words() -> None:
    text = with_body("{ int x __user_defined; static int y BOOT; }").replace("__user_defined", "")
    header = ("#define BOOT SECTION(\".boot\")\n#define SECTION(x) __attribute__((section(x)))\n"
              "#define SAFE(x) ((x) + 1)\n")
    deny = rules.risky_macros(header, "a.h")
    assert deny == {"BOOT", "SECTION"}
    with pytest.raises(Refused, match="BOOT is not accepted"):
        splice.take(text, "svm_init_guest", PATH, PRISTINE, deny)
    asm = "#define GLOBAL(x) .globl x\n#define N(x) .byte x\n#define LAB_TODO .text\n"
    assert rules.risky_macros(asm, "a.S") == {"GLOBAL"}


# --- putting it elsewhere ---


@pytest.mark.parametrize("head", [
    "int svm_init_guest(struct vcpu *v, u64 entry)",
    "static int svm_init_guest(struct vcpu *v, u64 rip)",
    "__attribute__((constructor)) int svm_init_guest(struct vcpu *v, u64 rip)",
    "int __init svm_init_guest(struct vcpu *v, u64 rip)",
    "STUFF int svm_init_guest(struct vcpu *v, u64 rip)",
])
def test_the_head_must_stay(head: str) -> None:
    piece = splice.take(with_body("{ }", head=head), "svm_init_guest", PATH, PRISTINE)
    with pytest.raises(Refused, match="must stay as it is"):
        splice.put(PRISTINE, "svm_init_guest", piece, PATH)


def test_layout_and_comments_of_the_head_are_free() -> None:
    head = "int\nsvm_init_guest (struct vcpu * v, /* where */ u64 rip)"
    piece = splice.take(with_body("{ return 7; }", head=head), "svm_init_guest", PATH, PRISTINE)
    assert splice.put(PRISTINE, "svm_init_guest", piece, PATH) == with_body("{ return 7; }")


@pytest.mark.parametrize("name", ["svm_run", "BIT", "svm_segment", "msrs", "kprintf", "n"])
def test_helper_names_that_are_taken(name: str) -> None:
    text = f"static int {name}(void) {{ return 5; }}\n\n" + (
        f"int svm_init_guest(struct vcpu *v, u64 rip) {{ return {name}(); }}\n")
    piece = splice.take(text, "svm_init_guest", PATH)
    with pytest.raises(Refused, match=f"the name {name} is taken, by line"):
        splice.put(PRISTINE, "svm_init_guest", piece, PATH)


@pytest.mark.parametrize("code", [
    "{ } int evil; struct s { }", "{ }\nint evil(void) { }", "{", "", "{ } }", ";",
    "{ }\n#define kprintf(x) {", "= { }",
])
def test_put_does_not_trust_a_piece(code: str) -> None:
    good = splice.take(PRISTINE, "svm_init_guest", PATH)
    forged = splice.Piece(good.name, PATH, 1, good.head, code)
    with pytest.raises(Refused):
        splice.put(PRISTINE, "svm_init_guest", forged, PATH)


# --- assembly ---


def test_asm_round_trip() -> None:
    assert splice.body(PRISTINE_ASM, "svm_enter", ASM) == "\n\tpush %rbx\n1:\tvmrun\n\tret\n"
    piece = splice.take(PRISTINE_ASM, "svm_enter", ASM)
    assert splice.put(PRISTINE_ASM, "svm_enter", piece, ASM) == PRISTINE_ASM


@pytest.mark.parametrize("lines", [
    "\tret\n", "", "\tSAVE_ALL\n\tSAVE %rax; SAVE %rbx\n", ".Lfail: mov $1, %eax; 2: ret // x\n",
    "1: 2: mov %gs:0x10, %rax\n\tcs; mov %fs:(%rax), %al\n", "\t.byte 0x0f, 0x01, 0xd8\n",
    "\trep stosb /* FUNC(x) END(svm_enter) */ // END(svm_enter)\n", "\tjmp . + 2\n",
    "\tLAB_TODO \"1.5\", \"svm_enter\", \"labs/01/README.md\"\n", "\tmov $VMCB_RAX, %rax\n",
    "\t.globl svm_enter_vmrun\nsvm_enter_vmrun: vmrun; .globl svm_enter_x; svm_enter_x:\n",
    "\tcall foo@PLT\n\tlea 1f(%rip), %rax\n1:\n", "/* indented: */ mov\t(%rax, %rbx, 8), %rcx\n",
])
def test_asm_accepted(lines: str) -> None:
    text = asm_with(lines)
    piece = splice.take(text, "svm_enter", ASM, PRISTINE_ASM)
    assert splice.put(PRISTINE_ASM, "svm_enter", piece, ASM) == text


@pytest.mark.parametrize("lines, reason", [
    ("\t.section .init\n", ".section is not accepted"),
    ("\tnop; .pushsection x\n", ".pushsection is not accepted"),
    ("\t.incbin \"/etc/passwd\"\n", ".incbin is not accepted"),
    ("\t.include \"x\"\n", ".include is not accepted"),
    ("1: .globl panic\n", ".globl is not accepted"),
    ("\t.globl svm_enter\n", ".globl is not accepted"),
    ("\t.globl svm_enter_x, panic\n", ".globl is not accepted"),
    ("\t.globl svm_enter_x panic\n", ".globl is not accepted"),
    ("\tnop .globl svm_enter_x\n", ".globl is not accepted"),
    ("svm_enter: nop\n", "the label svm_enter is not accepted"),
    ("\t.macro X\n\t.endm\n", ".macro is not accepted"),
    ("\t.org 0x100\n", ".org is not accepted"),
    ("\t.set panic, 1\n", ".set is not accepted"),
    ("\t.rept 1000000\n", ".rept is not accepted"),
    ("\t.altmacro\n", ".altmacro is not accepted"),
    ("\tEMPTY.section x\n", ".section is not accepted"),
    ("\tBOTH(nop, .section x)\n", ".section is not accepted"),
    ("\tpanic = 5\n", "= is not accepted"),
    ("\tpanic == 5\n", "== is not accepted"),
    ("\t. = 0x1000\n", "can't begin a statement"),
    ("panic:\n", "the label panic is not accepted"),
    ("panic /* c */ : nop\n", "the label panic is not accepted"),
    ("1: panic: nop\n", "the label panic is not accepted"),
    ("nop; panic: nop\n", "the label panic is not accepted"),
    ("\"panic\": nop\n", "can't begin a statement"),
    ("\t\\x\n", "can't begin a statement"),
    ("\tmov \\x\n", "\\ is not accepted"),
    ("\tcall \"panic\"\n", "no strings in assembly"),
    ("\tmov $'a', %al\n", "no strings in assembly"),
    ("#include \"x\"\n", "no preprocessor lines"),
    ("# comment\n", "no preprocessor lines"),
    ("\tnop # comment\n", "write comments as"),
    ("\t_Pragma(\"x\")\n", "_Pragma is not accepted"),
    ("\tnop \\\n nop\n", 'end in "\\" only within'),
    ("END(svm_enter)\n.section x\nFUNC(svm_enter)\n", "a second time"),
    ("END(svm_other)\n", "without its FUNC"),
    ("FUNC(inner)\n", "within another function"),
    ("\tnop; END(svm_enter)\n", "on a line of its own"),
    ("END(svm_enter) nop\n", "on a line of its own"),
    ("#if 0\nEND(svm_enter)\n#endif\n", "no preprocessor lines"),
    ("1.section x\n", "can't begin a statement"),
    ("/* open\n", "never closed"),
    ("/* open\nEND(svm_enter) */\nEND(svm_other)\n", "without its FUNC"),
])
def test_asm_refused(lines: str, reason: str) -> None:
    with pytest.raises(Refused) as info:
        splice.take(asm_with(lines), "svm_enter", ASM, PRISTINE_ASM)
    assert reason in info.value.reason


def test_asm_that_needs_more_is_refused() -> None:
    text = asm_with("\tcall mine\n") + "FUNC(mine)\n\tret\nEND(mine)\n"
    with pytest.raises(Refused, match="uses mine, which would stay behind"):
        splice.take(text, "svm_enter", ASM, PRISTINE_ASM)


# --- stubs ---


def test_stub_in_c() -> None:
    stub = splice.stub("svm_init_guest", PATH, "1.4", "Do\n  it.", "labs/01/README.md",
                       "return -ENOSYS;")
    assert stub == ('{\n\t/* Exercise 1.4: Do it. */\n'
                    '\tlab_todo("1.4", "svm_init_guest", "labs/01/README.md");\n'
                    '\treturn -ENOSYS;\n}')
    assert splice.set_body(PRISTINE, "svm_init_guest", stub, PATH) == with_body(stub)
    assert splice.take(with_body(stub), "svm_init_guest", PATH, PRISTINE).body == stub
    assert splice.stub("f", PATH, "1.1", "x", "h").endswith('"h");\n}')


def test_stub_wraps_a_long_hint() -> None:
    stub = splice.stub("f", PATH, "1.4", "word " * 60, "h")
    assert stub.startswith("{\n\t/*\n\t * Exercise 1.4: word word")
    assert "word\n\t */\n\tlab_todo" in stub
    assert all(len(line.expandtabs(8)) <= 100 for line in stub.splitlines())


def test_stub_in_assembly() -> None:
    stub = splice.stub("svm_enter", ASM, "1.5", "Do it.", "labs/01/README.md")
    text = splice.set_body(PRISTINE_ASM, "svm_enter", stub, ASM)
    assert ('FUNC(svm_enter)\n\t/* Exercise 1.5: Do it. */\n'
            '\tLAB_TODO "1.5", "svm_enter", "labs/01/README.md"\nEND(svm_enter)\n') in text
    assert splice.take(text, "svm_enter", ASM, PRISTINE_ASM).body == stub


# --- whatever there is in a file; `make fuzz TARGET=splice` tries more ---


@pytest.mark.parametrize("name", PROPERTIES)
def test_property(name: str) -> None:
    one = PROPERTIES[name]
    settings(deadline=None, max_examples=one.examples)(given(*one.inputs)(one.check))()


DEEP = 20000


@pytest.mark.parametrize("inner", [
    "{" * DEEP + "}" * DEEP, "(" * DEEP + ")" * DEEP + ";", '""' * DEEP + ";", "a " * DEEP,
    "/* */" * DEEP, "{" * DEEP, "(" * DEEP, "/" * DEEP, "/" + "*" * DEEP, "\\\n" * DEEP, "?" * DEEP,
    "[[" * DEEP, "\n#if X\n" * DEEP, "\n#if 0\n" * DEEP + "\n#endif\n" * DEEP,
])
def test_much_of_it_is_no_trouble(inner: str) -> None:
    text = f"int f(void) {{ {inner}\n}}\n"
    try:
        assert splice.put(text, "f", splice.take(text, "f", PATH), PATH) == text
    except Refused as error:
        assert error.line >= 1 and error.reason
