"""cli_boundary.py: small trees with one thing on the wrong side each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nestling.cli_boundary import PREFIXES, PRIVILEGED, main, may_include

FILES = {
    "hv/api.h": "int hv_run(int vm);\nint hv_only_declared(void);\n",
    "hv/api.syms": "# the door\nhv_run\nlab_todo\n",
    "hv/lib/lab.h": "void lab_todo(const char *id);\n",
    "hv/lib/string.c": "unsigned long strlen(const char *s)\n"
                       "{\n\tunsigned long n = 0;\n\twhile (s[n])\n\t\tn++;\n\treturn n;\n}\n",
    "hv/core/core.h": '#include "api.h"\nint core_secret(void);\n',
    "hv/core/core.c": '#include "core/core.h"\n#include "lib/lab.h"\n'
                      "int core_secret(void) { return 1; }\nint hv_run(int vm) { return vm; }\n"
                      "void lab_todo(const char *id) { }\n",
    "hv/dev/dev.c": '#include "lib/lab.h"\nconst int table[] = { 1, 2 };\n'
                    'int dev_read(int i)\n{\n\tlab_todo("1.1");\n\treturn table[i];\n}\n',
    "hv/vmm/vmm.h": "int vmm_main(void);\n",
    "hv/vmm/vmm.c": '#include "api.h"\n#include "vmm/vmm.h"\nint dev_read(int i);\nint vms;\n'
                    "int vmm_main(void) { return hv_run(dev_read(vms)); }\n",
    "hv/boot/main.c": '#include "vmm/vmm.h"\nint hv_main(void) { return vmm_main(); }\n',
}


def write(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)


def boundary(tree: Path, changes: dict[str, str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Put the changes into a tree that is all right, build it; what the command says of it."""
    write(tree, FILES | changes)
    objects = []
    for source in sorted(tree.glob("hv/*/*.c")):
        name = source.relative_to(tree).as_posix()
        out = tree / "build" / f"{name}.o"
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-c", "-g", "-O1", "-ffreestanding", "-fno-builtin", "-fno-pic",
                        "-fno-stack-protector", "-fcf-protection=none", "-Ihv", "-MMD", name,
                        "-o", str(out)], cwd=tree, check=True)
        objects.append(str(out))
    status = main(["--root", str(tree), *objects])
    captured = capsys.readouterr()
    assert captured.out == "" and status == (1 if captured.err else 0)
    return captured.err.splitlines()


def test_a_tree_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary(tmp_path, {}, capsys) == []


def test_both_sides_have_the_decoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    user = "int insn_decode(void);\nint %s(void)\n{\n\treturn insn_decode();\n}\n"
    assert boundary(tmp_path, {"hv/emul/insn.c": "int insn_decode(void) { return 1; }\n",
                               "hv/core/fetch.c": user % "fetch",
                               "hv/vmm/emulate.c": user % "emulate"}, capsys) == []


@pytest.mark.parametrize("path, text, message", [
    ("hv/vmm/bad.c", "int core_secret(void);\nint bad(void)\n{\n\treturn core_secret();\n}\n",
     "hv/vmm/bad.c:4: bad() uses core_secret, which is not in hv/api.syms"),
    ("hv/vmm/bad.c", "int core_secret(void);\nint (*const bad)(void) = core_secret;\n",
     "hv/vmm/bad.c uses core_secret, which is not in hv/api.syms"),
    ("hv/dev/bad.c", "int hv_run(int vm);\nint bad(void)\n{\n\treturn hv_run(1);\n}\n",
     "hv/dev/bad.c:4: bad() uses hv_run, which is neither in the pure folders nor in hv/lib"),
    ("hv/load/bad.c", "int vmm_main(void);\nint bad(void)\n{\n\treturn vmm_main();\n}\n",
     "hv/load/bad.c:4: bad() uses vmm_main, which is neither in the pure folders nor in hv/lib"),
    ("hv/core/bad.c", "int vmm_main(void);\nint bad(void)\n{\n\treturn vmm_main();\n}\n",
     "hv/core/bad.c:4: bad() uses vmm_main of the outside; the core never calls upward"),
    ("hv/core/bad.c", "int dev_read(int i);\nint bad(void)\n{\n\treturn dev_read(1);\n}\n",
     "hv/core/bad.c:4: bad() uses dev_read of the outside; the core never calls upward"),
    ("hv/emul/insn.c", "int dev_read(int i);\nint bad(void)\n{\n\treturn dev_read(1);\n}\n",
     "hv/emul/insn.c:4: bad() uses dev_read, which is not in hv/lib; the core calls this file, "
     "too"),
    ("hv/vmm/bad.c", 'void bad(void)\n{\n\tasm volatile("cli");\n}\n',
     "hv/vmm/bad.c:3: bad() has the privileged instruction `cli`"),
    ("hv/lib/bad.c", 'void bad(void)\n{\n\tasm volatile("rep; outsb");\n}\n',
     "hv/lib/bad.c:3: bad() has the privileged instruction `outsb %ds:(%rsi),(%dx)`"),
    ("hv/dev/bad.c", 'void bad(void)\n{\n\tasm volatile(".byte 0x0f, 0x01, 0xd8");\n}\n',
     "hv/dev/bad.c:3: bad() has the privileged instruction `vmrun`"),
    ("hv/vmm/bad.c", '#include "core/core.h"\n',
     "hv/vmm/bad.c: includes hv/core/core.h, by itself or through another header; "
     "hv/vmm may not"),
    ("hv/emul/bad.c", '#include "vmm/vmm.h"\n',
     "hv/emul/bad.c: includes hv/vmm/vmm.h, by itself or through another header; "
     "hv/emul may not"),
    ("hv/dev/bad.c", "int bad(void)\n{\n\tstatic int count;\n\treturn ++count;\n}\n",
     "hv/dev/bad.c: count is a variable that can change; "
     "pure code keeps its state in structs that it is given"),
    ("hv/emul/bad.c", "int bad = 1;\n", "hv/emul/bad.c: bad is a variable that can change; "
     "pure code keeps its state in structs that it is given"),
    ("hv/api.syms", "hv_run\nlab_todo\ncore_secret\n",
     "hv/api.syms:3: core_secret is declared in none of: hv/api.h, hv/lib/lab.h"),
    ("hv/api.syms", "hv_run\nhv_only_declared\nlab_todo\n",
     "hv/api.syms:2: the core has no hv_only_declared"),
])
def test_one_thing_on_the_wrong_side(path: str, text: str, message: str, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary(tmp_path, {path: text}, capsys) == [message]


@pytest.mark.parametrize("text", """\
in (%dx),%al|out %al,$0x80|insb (%dx),%es:(%rdi)|rep outsl %ds:(%rsi),(%dx)|cli|sti|hlt|popf
rdmsr|wrmsr|rdpmc|xsetbv|mov %cr3,%rax|mov %rax,%cr8|mov %db7,%rax|mov %rax,%dr0|clts|lmsw %ax
lgdt (%rdi)|lidt 0x10(%rax)|lldt %ax|ltr %di|invlpg (%rdi)|invpcid (%rdi),%rax|invd|wbinvd
vmxon (%rdi)|vmxoff|vmptrld (%rdi)|vmclear (%rdi)|vmread %rax,%rdi|vmwrite %rdi,%rax|vmlaunch
vmresume|vmcall|invept (%rsi),%rdi|invvpid (%rsi),%rdi|vmrun|vmload|vmsave|vmmcall|stgi|clgi
skinit|invlpga %rax,%ecx|swapgs|sysretq|sysretl|sysexit|iretq|iret|monitor %rax,%ecx,%edx
mwait %eax,%ecx|rsm|xsaves (%rdi)|xrstors64 (%rdi)|cs hlt|data16 hlt|rex.W iretq|lock cli\
""".replace("\n", "|").split("|"))
def test_privileged(text: str) -> None:
    assert PRIVILEGED.fullmatch(PREFIXES.sub("", text, count=1))


@pytest.mark.parametrize("text", """\
inc %eax|int3|insertps $0x1,%xmm0,%xmm1|movslq %edi,%rdi|mov %cs,%eax|mov %rax,%fs:(%rbx)|fwait
rdtsc|cpuid|ret|lret|leave|pause|vmovdqa %ymm0,%ymm1|vmaxsd %xmm0,%xmm1,%xmm2|xsave (%rdi)
call 12 <vmm_main+0x12>|nop|ud2|stos %al,%es:(%rdi)|rep stos %al,%es:(%rdi)|rex.W nop|sgdt (%rdi)\
""".replace("\n", "|").split("|"))
def test_not_privileged(text: str) -> None:
    assert not PRIVILEGED.fullmatch(PREFIXES.sub("", text, count=1))


@pytest.mark.parametrize("folder, header, may", [
    ("vmm", "hv/api.h", True), ("vmm", "hv/dev/bus.h", True), ("vmm", "hv/core/state.def", True),
    ("vmm", "hv/core/vcpu.h", False), ("vmm", "hv/x86/insn.h", False),
    ("vmm", "hv/mm/pmm.h", False),
    ("dev", "hv/emul/decode.h", True), ("dev", "hv/vmm/vmm.h", False), ("lib", "hv/api.h", True),
    ("lib", "hv/dev/bus.h", False), ("lib", "hv/lib/types.h", True),
])
def test_headers(folder: str, header: str, may: bool) -> None:
    assert may_include(folder, header) is may


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "x.o")]) == 2
    assert capsys.readouterr().err.startswith("boundary: ")
    write(tmp_path, {"hv/dev/x.c.o": "no object"})
    assert main([str(tmp_path / "hv/dev/x.c.o")]) == 2
    assert "file format not recognized" in capsys.readouterr().err
