"""What each row of guest/lib/mmio.def does to the probe; and what lib/mmio.h prints of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nestling.probe import MEMORY_SIZE, PAGE, PORT, STREAM, STREAM_SIZE, Probe, cut

BEFORE = 0x240
PATTERN = bytes((i * 37 + 11) & 0xFF for i in range(2 * BEFORE))
START = 0x8877665544332211
RAX, RCX, RDX = START, START * 3, START * 5

OPERATIONS = {"add": int.__add__, "or": int.__or__, "and": int.__and__, "sub": int.__sub__,
              "xor": int.__xor__, "mov": lambda old, new: new}
# By the end of a row's name, the size and what stands beside the operand in memory.
BESIDE = {"8": (1, RAX), "16": (2, RAX), "32": (4, RAX), "64": (8, RAX), "8h": (1, RDX >> 8),
          "m8": (1, RCX >> 8), "m16": (2, RDX), "m32": (4, RAX), "m64": (8, RAX),
          "i8": (1, 0x8F), "i16": (2, 0x8765), "i32": (4, 0x87654321), "i64": (8, -0x12345678),
          "s16": (2, -3), "s32": (4, -3), "s64": (8, -3),
          "imm8": (1, 0x9A), "imm16": (2, 0x9ABC), "imm32": (4, 0x9ABCDEF0),
          "imm64": (8, -0x12345678)}
# Size, bit, and how far from P the operand seems to be.
BITS = {"i16": (2, 13, 0), "i32": (4, 1, 0), "i64": (8, 62, 0),
        "16": (2, 2005, 0), "16n": (2, -1003, 0), "32": (4, 2037, 0), "32n": (4, -2037, 0),
        "64": (8, 1999, 0), "64n": (8, -1999, 0),
        "far": (4, 0x1000003, -0x200000), "farn": (4, -0xFFFFD5, 0x200000),
        "64far": (8, -0x17FFFFFFFFFB, 0x30000000000)}
# From, to, sizes: P or P with a distance, RAM, AL and so on ("A"), the port.
P, RAM, A, DX = "P", "RAM", "A", "DX"
STRINGS: dict[str, tuple[str, str, list[int]]] = {
    "movs1": (P, RAM, [1, 2, 4]), "movs_in8": (P, RAM, [1] * 5), "movs_in16": (P, RAM, [2] * 70),
    "movs_in32": (P, RAM, [4] * 65), "movs_out8": (RAM, P, [1] * 130),
    "movs_out16": (RAM, P, [2] * 7), "movs_out32": (RAM, P, [4] * 64),
    "movs_overlap": (P, "P+1", [1] * 66), "movs_apart": (P, "P-256", [2] * 66),
    "movs_down_in": (P, RAM, [-4] * 67), "movs_down_out": (RAM, P, [-1] * 10),
    "movs_down": (P, "P+2", [-2] * 66), "movs_none": (P, P, []), "movs_repne": (P, RAM, [1] * 3),
    "movs_fs": (P, RAM, [1] * 3), "movs64": (P, RAM, [8] * 67), "movs64_out": (RAM, P, [8] * 5),
    "movs_a32": (P, RAM, [1] * 70),
    "stos1": (A, P, [1, 2, 4]), "stos8": (A, P, [1] * 90), "stos16": (A, P, [2] * 5),
    "stos32": (A, P, [4] * 65), "stos_down": (A, P, [-1] * 65), "stos_none": (A, P, []),
    "stos64": (A, P, [8] * 65), "stos_a32": (A, P, [2, 2, 2, 4]),
    "lods1": (P, A, [4, 2, 1]), "lods8": (P, A, [1] * 65), "lods16": (P, A, [2] * 3),
    "lods32": (P, A, [-4] * 66), "lods64": (P, A, [8] * 65),
    "ins1": (DX, P, [1, 2, 4]), "ins8": (DX, P, [1] * 70), "ins16": (DX, P, [2] * 3),
    "ins32": (DX, P, [4] * 65), "ins_down": (DX, P, [-2] * 6), "ins_none": (DX, P, []),
    "ins_ram": (DX, RAM, [4] * 70), "ins_ram_down": (DX, RAM, [-1] * 65),
    "outs1": (P, DX, [1, 2, 4]), "outs8": (P, DX, [1] * 70), "outs16": (P, DX, [2] * 3),
    "outs32": (P, DX, [4] * 65), "outs_down": (P, DX, [-2] * 6), "outs_none": (P, DX, []),
    "outs_ram": (RAM, DX, [4] * 70), "outs_fs": (P, DX, [4] * 2),
}


def change(m: Probe, at: int, size: int, op: str, beside: int) -> None:
    """Read, change and write an operand."""
    m.store(at, size, OPERATIONS[op](m.load(at, size), beside))


def bit(m: Probe, at: int, op: str, size: int, number: int) -> None:
    """BT and its like, with the number in a register."""
    at += number // (8 * size) * size
    mask = 1 << number % (8 * size)
    value = m.load(at, size)
    if op != "bt":
        m.store(at, size, {"bts": value | mask, "btr": value & ~mask, "btc": value ^ mask}[op])


def string(m: Probe, at: int, source: str, target: str, sizes: list[int]) -> None:
    """MOVS, STOS, LODS, INS, OUTS: negative sizes go down."""
    moved = 0
    for step in sizes:
        size = abs(step)
        if source == RAM:
            value = int.from_bytes(PATTERN[BEFORE + moved:BEFORE + moved + size], "little")
        elif source == DX:
            value = m.port_in(PORT, size)
        else:
            value = RAX if source == A else m.load(at + moved, size)
        if target == DX:
            m.port_out(PORT, size, value)
        elif target.startswith(P):
            m.store(at + int(target[1:] or 0) + moved, size, value)
        moved += step


def addresses(m: Probe, p: int, name: str) -> bool:
    """The rows that are about how an address is made. @return is it one of them?"""
    match name:
        case "rex_low":
            m.store(p, 1, p)
            m.load(p, 1)
        case "rex_regs":
            m.store(p + 8, 2, m.load(p, 4))
            m.load(p + 4, 1)
        case "seg_fs":
            m.load(p, 4)
            change(m, p + 2, 2, "add", 5)
        case "seg_gs":
            m.store(p + 4, 4, cut(RAX, 4) & ~0xFF | m.load(p, 1))
        case "seg_es" | "address32":
            m.store(p + 8, 2, m.load(p, 4))
        case "sib":
            m.store(p, 2, m.load(p, 4))
        case "sib_no_base" | "rip_load":
            m.load(p, 4)
        case "sib_bp":
            m.store(p - 5, 1, m.load(p + 4, 4))
        case "rip_imm":
            m.store(p, 4, 0xA1B2C3D4)
        case "rip_imm8":
            change(m, p, 2, "add", 0xFF85)
        case _:
            return False
    return True


LOCKED = {"lock_add": (4, "add", 0x1234567), "lock_or": (1, "or", 0x18),
          "lock_and": (2, "and", 0x1FF8), "lock_sub": (4, "sub", RAX), "lock_xor": (1, "xor", RAX),
          "lock_xchg": (2, "mov", RAX)}
LOCKED_BITS = {"lock_bts": (4, 4), "lock_btr": (4, 100), "lock_btc": (2, 4)}


def do(m: Probe, p: int, name: str) -> None:
    """What the row of that name does to the probe when R("bx") is `p`."""
    op, _, form = name.removeprefix("moffs_").partition("_")
    if addresses(m, p, name):
        return
    if name in STRINGS:
        string(m, p, *STRINGS[name])
    elif name in LOCKED:
        size, op, beside = LOCKED[name]
        change(m, p, size, op, beside)
    elif name in LOCKED_BITS:
        bit(m, p, op := name[5:], *LOCKED_BITS[name])
    elif op in ("bt", "bts", "btr", "btc"):
        size, number, away = BITS[form]
        bit(m, p + away, op, size, number)
    elif match := re.fullmatch(r"(?:load|[zs]x)(8|16|32|64)h?", op):
        m.load(p, int(match[1]) // 8)
    elif op == "sxd":
        m.load(p, 4)
    elif op.startswith("store"):
        size, value = BESIDE[form or op.removeprefix("store")]
        m.store(p, size, value)
    elif op in ("cmp", "test") or form.startswith("r"):
        m.load(p, int(form[1:]) // 8)
    else:
        size, beside = BESIDE[form]
        change(m, p, size, op.replace("xchg", "mov"), beside)


def rows(table: Path, bits: int) -> Iterator[tuple[str, bool]]:
    """The rows that code of 32 or 64 bits has, in their order: name, and does it go further?"""
    text = table.read_text(encoding="utf-8").replace("\\\n", "")
    for name, body in re.findall(r"^#define (ALU|BITS)\(op\)(.*)$", text, re.MULTILINE):
        for op in re.findall(rf"^{name}\((\w+)\)$", text, re.MULTILINE):
            text = text.replace(f"{name}({op})\n", re.sub(
                r"(TRIAL|REACH)", r"\n\1", body.replace("op##", op)) + "\n")
        text = re.sub(rf"^#define {name}\(.*$", "", text, flags=re.MULTILINE)
    for kind, only_64, name in re.findall(r"^(TRIAL|REACH)(64)?\((\w+),", text, re.MULTILINE):
        if bits == 64 or not only_64:
            yield name, kind == "REACH"


def sums(table: Path, bits: int, seed: int, thin: bool) -> dict[str, int]:
    """The sum of each row, as stream() of lib/mmio.h prints it."""
    result = {}
    for number, (name, reach) in enumerate(rows(table, bits)):
        m = Probe()
        m.seed(seed)
        where = {number % 3} if thin else {0, 1, 2}
        if 0 in where:
            do(m, STREAM + PAGE // 2, name)
        if 1 in where and not reach:
            do(m, STREAM + STREAM_SIZE - 3, name)
        if 2 in where:
            m.memory[MEMORY_SIZE - BEFORE:] = PATTERN[:BEFORE]
            do(m, STREAM - 3, name)
        result[name] = m.sum
    return result


def real_mode(seed: int) -> list[int]:
    """What guest/mmio.16.S prints: EAX after one instruction and another."""
    m = Probe()
    m.seed(seed)
    base = STREAM - PAGE
    load, store = (lambda at, size: m.load(base + at, size),
                   lambda at, size, value: m.store(base + at, size, value))
    seen = [eax := 0x11112200 | load(0x1103, 1)]
    seen.append(eax & 0xFFFF0000 | load(0x1100, 2))
    seen.append(eax := load(0x1200, 4))
    seen.append(eax := eax & 0xFFFF0000 | load(0x1300, 2))
    store(0x1302, 1, eax)
    change(m, base + 0x1205, 4, "add", eax)
    seen += [eax, eax]
    byte = load(0x11FF, 1)
    seen.append(eax := eax & 0xFFFF0000 | cut(byte - (byte >> 7 << 8), 2))
    byte = load(0x1200, 1)
    store(0x1200, 1, eax >> 8)
    seen.append(eax & 0xFFFF00FF | byte << 8)
    bit(m, base + 0x1200, "bts", 2, -300)
    seen += [eax & 0xFFFF0000 | cut(-300, 2), 0, 0]
    store(0x127C, 4, 0)
    store(0x1200, 2, 0xCAFE)
    load(0x1400, 2)
    seen += [load(0x1402, 4), 0x77770000, 0x11110000]
    for i in range(7):
        store(0x1200 + 2 * i, 2, load(0x1406 + 2 * i, 2))
    for i in range(0x70):
        store(0x120E + i, 1, 0)
    for i in range(3):
        store(0x127E + 2 * i, 2, m.port_in(PORT, 2))
    for i in range(2):
        m.port_out(PORT, 4, load(0x1414 + 4 * i, 4))
    for i in range(5):
        store(0x1600 + i, 1, load(0x1500 + i, 1))
    words = [load(0x1700 + 2 * i, 2) for i in range(8)]
    seen += [0x44441710, 0x3333000A, 0x55550000, words[1] | words[2] << 16,
             words[6] | words[7] << 16]
    last = bytes(load(0x1700 + i, 1) for i in range(150))[-4:]
    return [*seen, 0x55550000, int.from_bytes(last, "little"), cut(m.sum, 4), m.sum >> 32]
