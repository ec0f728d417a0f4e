"""The command `boundary`: does the code outside the core stay outside?

Everything outside will move to ring 3 one day, and today only care keeps it from using what the
core has. So this looks at what the compiler made: symbols, instructions, included headers.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nestling import clex
from nestling.errors import UserError
from nestling.outline import outline

ROOT = Path(__file__).resolve().parents[2]
PURE = ("emul", "dev", "load")
OUTSIDE = (*PURE, "vmm", "lib")
LIBRARY = ("hv/emul/insn.c",)  # pure sources that the core has, too: it calls them like hv/lib
START = "boot"  # the one part of the core that may call the outside: it starts it

DOOR = "hv/api.syms"
DECLARED_IN = ("hv/api.h", "hv/lib/lab.h")
TODO = "lab_todo"  # what a stub calls, wherever it is
# Headers that both sides read: declarations of the door, and tables and constants without code.
SHARED = ("hv/api.h", "hv/exit.def", "hv/hypercall.h", "hv/core/state.def", "hv/x86/regs.h")

RULES = """\
the rules:
  outside the core (hv/emul, dev, load, vmm, lib)
    - calls nothing of the core but the functions in hv/api.syms, and these are declared in
      hv/api.h or hv/lib/lab.h and exist
    - has no instruction that needs ring 0
    - includes no header of the core but api.h and the shared tables of names and constants
  the pure folders (hv/emul, dev, load), which also run in tests on the host
    - call only each other and hv/lib: what they need comes through pointers that they are given
    - include nothing of hv/vmm
    - have no variable of their own that can change: all state is in structs that they are given
  the core
    - calls nothing of hv/emul, dev, load, vmm; only hv/boot does, to start it
  hv/emul/insn.c, the decoder, is on both sides
    - the core may call it; so it calls only itself and hv/lib
"""

PREFIXES = re.compile(r"(?:(?:lock|rep|repz|repnz|notrack|data16|addr32|[c-gs]s|rex\S*)\s+)*")
PRIVILEGED = re.compile(r"""(?:
      in | out | (?:in|out)s[bwl]                               # ports
    | cli | sti | popf[wlq]? | clac | stac | hlt | monitorx? | mwaitx?
    | rdmsr | wrmsr | rdpmc | xsetbv | (?:xsaves|xrstors)(?:64)?
    | l[gi]dt[wlq]? | lldt | ltr | lmsw | clts | mov[lq]?\s.*%(?:cr|db|dr)\d.*
    | invlpg[ab]? | invpcid | tlbsync | invd | wbinvd | wbnoinvd
    | iret[wlq]? | sysret[lq]? | sysexit[lq]? | swapgs | rsm | encls
    | vmxon | vmxoff | vmptrld | vmptrst | vmclear | vmread | vmwrite | vmlaunch | vmresume
    | vmcall | vmfunc | invept | invvpid | getsec               # VMX
    | vmrun | vmload | vmsave | vmmcall | vmgexit | stgi | clgi | skinit    # SVM
    )(?:\s.*)?""", re.VERBOSE)

FUNCTION = re.compile(r"[0-9a-f]+ <(.+)>:")
PLACE = re.compile(r"\S*?(hv/\S+:\d+)(?: \(discriminator \d+\))?")
INSTRUCTION = re.compile(r"\s+[0-9a-f]+:\t(.*)")
RELOCATION = re.compile(r"\t+[0-9a-f]+: R_\w+\t([\w.$]+)")


@dataclass
class Code:
    """What the instructions of an object file show: each place is "file:line: function()"."""

    privileged: list[tuple[str, str]] = field(default_factory=list)  # place, instruction
    uses: dict[str, str] = field(default_factory=dict)  # symbol -> the first place that uses it


@dataclass
class Object:
    """An object file, and what is in it. `source` is "hv/dev/bus.c", `folder` then "dev"."""

    path: Path
    source: str
    folder: str
    defined: set[str] = field(default_factory=set)
    undefined: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    headers: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Object:
        """Raises UserError if that is no object file of the hypervisor's build."""
        parts = path.with_suffix("").parts
        if path.suffix != ".o" or "hv" not in parts[:-2]:
            raise UserError(f"{path}: is not like BUILD/hv/FOLDER/NAME.c.o")
        parts = parts[len(parts) - 1 - parts[::-1].index("hv"):]
        self = cls(path, "/".join(parts), parts[1])
        for line in run("nm", "-P", str(path)).splitlines():
            name, kind = line.split()[:2]
            if kind in "Uwv":
                self.undefined.add(name)
            elif kind in "dDbBC":
                self.variables.add(name.partition(".")[0])
            if kind.isupper() and kind != "U":
                self.defined.add(name)
        self.headers = includes(path.with_suffix(".d"))
        return self


def run(*argv: str) -> str:
    """The output of a tool. Raises UserError if it fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(f"{argv[0]} can't be started: {error.strerror}") from None
    if done.returncode:
        raise UserError(done.stderr.strip() or f"{argv[0]} failed")
    return done.stdout


def includes(dependencies: Path) -> list[str]:
    """The headers of hv/ in a dependency file that the compiler wrote."""
    try:
        rule = dependencies.read_text(encoding="utf-8").replace("\\\n", " ").split("\n")[0]
    except OSError as error:
        raise UserError(f"{dependencies}: {error.strerror}; compile with -MMD") from None
    found = (re.search(r"(?:^|/)(hv/.+)", word) for word in rule.split()[2:])
    return sorted({match[1] for match in found if match})


def disassemble(path: Path) -> Code:
    """The privileged instructions of an object file, and where it uses which symbol."""
    code = Code()
    function = place = ""
    for line in run("objdump", "-dlr", "--no-show-raw-insn", str(path)).splitlines():
        where = f"{place}: {function}()" if place else f"{function}()"
        if match := FUNCTION.fullmatch(line):
            function, place = match[1], ""
        elif match := PLACE.fullmatch(line):
            place = match[1]
        elif match := INSTRUCTION.fullmatch(line):
            text = PREFIXES.sub("", match[1].partition("#")[0].strip(), count=1)
            if PRIVILEGED.fullmatch(text):
                code.privileged.append((where, " ".join(text.split())))
        elif match := RELOCATION.match(line):
            code.uses.setdefault(re.sub(r"[-+]0x.*", "", match[1]), where)
    return code


def door(root: Path, objects: Iterable[Object]) -> tuple[set[str], list[str]]:
    """The symbols that api.syms lists, and what is wrong with it."""
    symbols: set[str] = set()
    findings = []
    known = {name for path in DECLARED_IN
             for name in outline(clex.read(root / path, path), path).declared()}
    core = {name for obj in objects if obj.folder not in OUTSIDE for name in obj.defined}
    for number, line in enumerate(clex.read(root / DOOR, DOOR).splitlines(), 1):
        name = line.partition("#")[0].strip()
        if name and name not in known:
            findings.append(f"{DOOR}:{number}: {name} is declared in none of: "
                            f"{', '.join(DECLARED_IN)}")
        elif name and name not in core:
            findings.append(f"{DOOR}:{number}: the core has no {name}")
        symbols |= {name} - {""}
    return symbols, findings


def check(root: Path, objects: Sequence[Object]) -> Iterator[str]:
    """Everything that is on the wrong side."""
    symbols, findings = door(root, objects)
    yield from findings
    by_folder: dict[str, set[str]] = {}
    for obj in objects:
        by_folder.setdefault(obj.folder, set()).update(obj.defined)

    def defined(folders: Iterable[str]) -> set[str]:
        return {name for folder in folders for name in by_folder.get(folder, ())}

    library = {name for obj in objects if obj.source in LIBRARY for name in obj.defined}
    for obj in objects:
        if obj.folder in PURE:
            if obj.source in LIBRARY:
                yield from check_object(obj, defined(("lib",)) | library | {TODO},
                                        "is not in hv/lib; the core calls this file, too")
            else:
                yield from check_object(obj, defined((*PURE, "lib")) | {TODO},
                                        "is neither in the pure folders nor in hv/lib")
            for name in sorted(obj.variables):
                yield (f"{obj.source}: {name} is a variable that can change; "
                       "pure code keeps its state in structs that it is given")
        elif obj.folder in OUTSIDE:
            yield from check_object(obj, defined(OUTSIDE) | symbols, f"is not in {DOOR}")
        elif obj.folder != START:
            upward = sorted(obj.undefined & (defined((*PURE, "vmm")) - library))
            uses = disassemble(obj.path).uses if upward else {}
            for name in upward:
                yield (f"{uses.get(name, obj.source)} uses {name} of the outside; "
                       "the core never calls upward")


def check_object(obj: Object, allowed: set[str], why: str) -> Iterator[str]:
    """What holds for all objects outside the core."""
    code = disassemble(obj.path)
    for name in sorted(obj.undefined - allowed):
        yield f"{code.uses.get(name, obj.source)} uses {name}, which {why}"
    for where, instruction in code.privileged:
        yield f"{where} has the privileged instruction `{instruction}`"
    for header in obj.headers:
        if not may_include(obj.folder, header):
            yield (f"{obj.source}: includes {header}, by itself or through another header; "
                   f"hv/{obj.folder} may not")


def may_include(folder: str, header: str) -> bool:
    """May a source in hv/`folder` include `header`?"""
    inside = header.split("/")[1]
    if inside == "lib" or header in SHARED:
        return True
    return inside in {"lib": (), "vmm": OUTSIDE}.get(folder, PURE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    words = argparse.ArgumentParser(
        prog="boundary", description="Check that the code outside the core stays outside.",
        epilog=RULES, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--root", metavar="DIR", type=Path, default=ROOT,
                       help="the tree (default: the one that this command is in)")
    words.add_argument("objects", metavar="OBJECT", type=Path, nargs="+",
                       help="all objects of the hypervisor, BUILD/hv/FOLDER/NAME.c.o")
    choice = words.parse_args(argv)
    try:
        findings = list(check(choice.root, [Object.read(path) for path in choice.objects]))
    except UserError as error:
        print(f"boundary: {error}", file=sys.stderr)
        return 2
    for finding in findings:
        print(finding, file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
