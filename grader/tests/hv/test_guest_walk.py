"""The guest's page tables: what hv_gva_translate() says, beside what the CPU does."""

from __future__ import annotations

import re

from hv.conftest import Machine, vm

# The tables, for each format in each of two kinds of memory; eight accesses with each. An emulated
# CPU forgets its TLB with each of them, and Bochs takes a millisecond to do so.
TABLES = {"tcg": 420, "bochs-svm": 150, "bochs-vmx": 150}
PAIRS = 2 * 3 * 8
SEED = 1

# What hv/vmm/selftest_walk.c says about them.
QUIRKS = {"tcg": {"ac", "rsvd", "pdpte", "marked"}, "bochs-svm": {"ac"}, "bochs-vmx": {"ac"}}


def numbers(line: str) -> dict[str, int]:
    """Its words of the form key=number."""
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


def test_we_and_the_cpu_agree_about_random_tables(machine: Machine) -> None:
    count = TABLES[machine.platform.key]
    result = machine.run(vm("a", "hello.64"), f"selftest=walk:{SEED}:{count}")
    lines = [line for line in result.console.splitlines() if line.startswith("selftest walk ")]
    assert lines[-1] == "selftest walk passed", "\n".join(lines)
    pairs, quirks = (numbers(line) for line in lines[:2])
    print(f"{pairs['pairs']} accesses")
    assert pairs.pop("pairs") == count * PAIRS == sum(pairs.values())
    assert pairs["translated"] > count * PAIRS // 4 and pairs["faults"] > count * PAIRS // 4
    assert pairs["outside"] > 100 and pairs["noncanonical"] > 10
    assert {name for name, times in quirks.items() if times} <= QUIRKS[machine.platform.key]
