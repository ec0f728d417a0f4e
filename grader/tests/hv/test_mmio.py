"""Devices in memory: each instruction that guests may use there does what it does on memory."""

from __future__ import annotations

import re

import pytest

from hv.conftest import ROOT, Machine, observations, vm
from hv.mmio_model import real_mode, sums
from nestling.probe import PORT, STREAM, Probe

TABLE = ROOT / "guest/lib/mmio.def"
SEED = 0x5EED
PROBE = "{ serial exit probe }"


def numbers(text: str) -> dict[str, int]:
    """What a guest observed."""
    return {key: int(value, 16) for key, value in observations(text).items()}


def test_instructions(machine: Machine) -> None:
    """Bochs takes a millisecond for an exit: there, each instruction is tried in one place only."""
    thin = machine.platform.key != "tcg"
    settings = {"memory": "2M", "devices": PROBE, "args": f"{SEED} {int(thin)}"}
    text = (vm("bits64", "mmio.64", **settings)
            + vm("bits32", "mmio.32", mode="protected", **settings))
    result = machine.run(text)
    for bits, channel in ((64, "A"), (32, "B")):
        seen = numbers(result.channels[channel])
        want = sums(TABLE, bits, SEED, thin)
        assert seen.pop("trials") == len(want) > 150
        assert not [key for key in seen if ".differs" in key], "not the same as on memory"
        assert seen == want
    assert result.status == 0


def test_real_mode(machine: Machine) -> None:
    result = machine.run(vm("a", "mmio.16", memory="2M", devices=PROBE, mode="real",
                            args=f"{SEED} 0"))
    assert [int(word, 16) for word in result.channels["A"].split()] == real_mode(SEED)


# ---- What comes between --------------------------------------------------------------------------

BS = 0xFFFF4FF0  # DR6
# Behind the memory that has 0, 1, 2 ... from PROBE_MEMORY on.
EVENTS: dict[str, list[str] | list[int]] = {
    # #PF in the destination: 5 bytes are in the first page. Then all 100 are there.
    "absent": ["e 2 0 5f 5 5 1000 0", "end 0"],
    "absent.first": [0x0403020100000000], "absent.second": [0x0C0B0A0908070605],
    "absent.last": [0x636261605F5E5D5C],
    "readonly": ["e 3 0 0 0 0 0 0", "end 0"], "no_wp": ["end 0"],
    "readonly_add": ["e 3 0 0 0 0 900 0", "end 0"], "readonly_add.done": [0x01010101],
    # CPL 3: a page that is read only, too, then one that is the supervisor's.
    "user": ["e 7 0 a 0 0 ffd 0", "e 7 0 7 3 3 1000 0", "end 0"],
    "canonical": ["d 0 0 7 3 3 0 0", "end 0"],
    # An operand on the border to a page that is not there: nothing is written before.
    "straddle": ["e 2 0 0 0 0 1000 0", "end 0"], "straddle.done": [0x2211 << 48],
    "straddle_add": ["e 2 0 0 0 0 1000 0", "end 0"], "straddle_add.done": [0x2312 << 48],
    "straddle.ram": [0x0C09080706054534], "undone": [0, 0x2211 << 48],
    "ins": ["e 2 5 8 0 4 1000 0", "end 0"],
    "alike": ["end 0"], "alike.done": [0x55667788],
    # Accessed and dirty, of the pages that are read, moved from and to, written.
    "mark": ["end 0", "end 0"], "mark.read": [0x20], "mark.movs": [0x2060], "mark.write": [0x60],
    # Behind the instruction that follows on STI; after some iterations of a REP.
    "sti_ram": ["40 0 3 96 0 0 0 0", "end 96"], "sti": ["40 0 3 96 0 0 0 0", "end 96"],
    "sti_rep": ["40 0 1 56 40 40 0 0", "end 0"], "sti_rep.last": [0x9594939291908F8E],
}
# Single steps: RIP, RCX, RSI, RDI. MOV, ADD, three times MOVSB and OUTSW are ours.
STEPS = [(0xB, 3, 0, 0), (0xD, 3, 0, 0), (0xD, 2, 1, 1), (0xD, 1, 2, 2), (0xF, 0, 3, 3),
         (0x14, 0, 3, 3), (0x16, 0, 5, 3), (0x17, 0, 5, 3), (0x18, 0, 5, 3), (0x1F, 0, 5, 3),
         (0x20, 0, 5, 3)]
OURS = {0, 1, 2, 3, 4, 6}


def lines(text: str) -> dict[str, list[str]]:
    """The values of each key=value, in their order."""
    result: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        result.setdefault(key, []).append(value)
    return result


def ins_sum() -> tuple[int, int]:
    """The sum after REP INSW of 10 words, and the 8 bytes around the border after 5 bytes."""
    probe = Probe()
    probe.seed(1)
    read = b"".join(probe.port_in(PORT, 2).to_bytes(2, "little") for _ in range(10))
    return probe.sum, int.from_bytes(read[1:9], "little")


def test_faults_steps_and_interrupts(machine: Machine) -> None:
    result = machine.run(vm("a", "mmio_faults.64", memory="2M", devices=PROBE))
    seen = lines(result.channels["A"])
    for key, want in EVENTS.items():
        assert seen.pop(key) == [word if isinstance(word, str) else hex(word) for word in want], key
    assert [int(seen.pop(key)[0], 16) for key in ("ins.sum", "ins.border")] == [*ins_sum()]

    steps = [[int(word, 16) for word in line.split()] for line in seen.pop("steps")[:-1]]
    assert [(rip, rcx, rsi, rdi) for _, _, rip, rcx, rsi, rdi, _, _ in steps] == STEPS
    for number, (vector, error, *_, dr6) in enumerate(steps):
        assert (vector, error) == (1, 0)
        # Where Bochs as an AMD CPU has done the step, its #DB exit comes before DR6 is up to date.
        if number in OURS or machine.platform.key != "bochs-svm":
            assert dr6 == BS, number
    probe = Probe()
    probe.seed(1)
    probe.port_out(PORT, 2, 0x0403)
    assert int(seen.pop("steps.sum")[0], 16) == probe.sum
    # QEMU steps once more in a REP on memory, when RCX is 0.
    assert len(seen.pop("steps_ram")) - 1 in (len(STEPS), len(STEPS) + 1)
    assert not seen


# ---- What can't be done --------------------------------------------------------------------------

# What guest/mmio_stop.64.c does, what ends it, and the instruction that is told.
STOPS = [
    ("movaps", "insn", "0f 28 "), ("fld", "insn", "dd "), ("cmpxchg", "insn", "f0 0f b1 "),
    ("paddd", "insn", "66 0f fe "), ("push", "insn", "50 "),
    ("fetch", "memory", ""), ("cr3", "memory", ""), ("pde", "memory", ""),
    ("interrupt", "memory", ""), ("int", "memory", ""), ("fault", "memory", ""),
    ("rom", "memory", ""), ("nowhere", "memory", ""), ("late", "exit", ""),
]


def test_what_cannot_be_done_ends_only_its_own_vm(machine: Machine) -> None:
    text = "".join(vm(name, "mmio_stop.64", memory="2M", devices=PROBE, args=f"{number} 0",
                      budget=30_000_000, rom='"hello.64.elf" 0x40000000', late="0x60000000 16K")
                   for number, (name, _, _) in enumerate(STOPS))
    result = machine.run(text + vm("beside", "hello.64"))
    for number, (name, reason, code) in enumerate(STOPS):
        if name == "int" and machine.platform.key == "tcg":
            reason, code = "insn", "cd 40 "  # EXITINTINFO does not have it
        assert f"vm {name} stopped reason={reason} " in result.console, name
        told = re.findall(rf"^vm {name} insn: at rip=0x\w+, in 64-bit code, is none that can be "
                          r"emulated: (.*)$", result.console, re.MULTILINE)
        assert len(told) == bool(code) and all(line.startswith(code) for line in told), told
        said = result.channels.get(chr(ord("A") + number), "")
        assert said.endswith("still here\n") if reason == "exit" else not said, name
    assert result.channels[chr(ord("A") + len(STOPS))] == "Hello from a virtual machine.\n"

    probe = Probe()
    probe.seed(1)
    moved = bytes(probe.load(STREAM + i, 1) for i in range(16))
    assert numbers(result.channels[chr(ord("A") + len(STOPS) - 1)]) == {
        "late": int.from_bytes(moved[8:], "little"), "sum": probe.sum}


@pytest.mark.parametrize("memory, message", [
    ("late 0xfedf1000 4K", "can't be created: a device is where its memory would be"),
    ('rom "hello.64.elf" 0xfedef000', "a device is there"),
])
def test_no_memory_where_a_device_is(memory: str, message: str) -> None:
    settings = f'kernel "hello.64.elf" devices {PROBE}'
    result = Machine("tcg").run(f'vm "a" {{ {settings} {memory} }}')
    assert re.search(f"^vm a.*: {message}", result.console, re.MULTILINE), result.console
    assert result.status == 126


def test_memory_around_a_device() -> None:
    settings = f'kernel "hello.64.elf" devices {PROBE}'
    result = Machine("tcg").run(
        f'vm "a" {{ {settings} late 0xfedf2000 4K rom "hello.64.elf" 0xfedee000 }}'
        f'vm "b" {{ {settings} memory 4077M lazy }}')
    assert result.status == 0
