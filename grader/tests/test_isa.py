"""isa.py: the tables, made-up ones and the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from nestling import isa
from nestling.errors import UserError

HV = Path(__file__).resolve().parents[2] / "hv"

EXIT_DEF = """\
/* EXIT_REASON(NAME, name, meaning) */
EXIT_REASON(CPUID,\t"cpuid",\t"CPUID")
EXIT_REASON(REFUSED,\t"refused",\t"entry refused, as (it) were")
"""
SVM_DEF = """\
/* Comment with a
 * SVM_EXIT(0x999, NO_ENTRY, CPUID)
 */
SVM_FIELD(intercept_cr,\t0x000, 4, control)\t/* reads 15:0 */
SVM_EXIT(0x072, CPUID,\tCPUID)
SVM_EXIT(0xffffffff, INVALID,\tREFUSED)\t/* -1 */

SVM_CHECK(cs, F(cs, 1) & A || (B && f(x, "y")), "CS.L, \\"and\\" CS.D (both)", "APM vol. 2, 15.5.1")
"""
VMX_DEF = """\
VMX_FIELD(GUEST_RIP, 0x681e, guest)
VMX_FIELD(VPID, 0x0000, control)
VMX_EXIT(10, CPUID, CPUID)
VMX_EXIT(33, ENTRY_FAILURE_GUEST_STATE, REFUSED)
VMX_ERROR(7, "VM entry with invalid control field(s)")
"""


@pytest.fixture(name="hv")
def hv_fixture(tmp_path: Path) -> Path:
    (tmp_path / "hvm").mkdir()
    (tmp_path / "exit.def").write_text(EXIT_DEF)
    (tmp_path / "hvm" / "svm.def").write_text(SVM_DEF)
    (tmp_path / "hvm" / "vmx.def").write_text(VMX_DEF)
    return tmp_path


def test_svm(hv: Path) -> None:
    svm = isa.load(hv, "svm")
    assert list(svm.exits) == [0x72, 0xFFFFFFFF]
    assert svm.exit(0x72) == isa.ExitCode(0x72, "CPUID", "cpuid")
    assert svm.fields == {"intercept_cr": isa.Field("intercept_cr", 0, 4, "control")}
    check = svm.checks["cs"]
    assert check.condition == 'F(cs, 1) & A || (B && f(x, "y"))'
    assert check.sentence == 'CS.L, "and" CS.D (both)'
    assert check.section == "APM vol. 2, 15.5.1"


def test_svm_codes_beyond_the_table(hv: Path) -> None:
    svm = isa.load(hv, "svm")
    assert svm.exit(-1).neutral == svm.exit(0xFFFFFFFFFFFFFFFF).neutral == "refused"
    assert [svm.exit(code).neutral for code in (0x00, 0x18, 0x1F, 0x20, 0x3F, 0x40, 0x4E, 0x5F)] \
        == ["cr", "cr", "cr", "dr", "dr", "exception", "exception", "exception"]
    assert svm.exit(0x60).neutral == "unknown"


def test_vmx(hv: Path) -> None:
    vmx = isa.load(hv, "vmx")
    assert vmx.exit(10).neutral == "cpuid"
    assert vmx.exit(0).neutral == "unknown"
    assert vmx.fields["GUEST_RIP"].size == 8 and vmx.fields["VPID"].size == 2
    assert vmx.errors == {7: "VM entry with invalid control field(s)"}


@pytest.mark.parametrize("line", ["SVM_EXIT(0x7z, CPUID, CPUID)", "SVM_EXIT(0x72, CPUID)",
                                  "SVM_FIELD(a, 0)", "SVM_CHECK(a, b, \"c\")"])
def test_lines_that_make_no_sense(hv: Path, line: str) -> None:
    with (hv / "hvm" / "svm.def").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=r"svm\.def:9: SVM_"):
        isa.load(hv, "svm")


def test_a_missing_table(hv: Path) -> None:
    (hv / "hvm" / "vmx.def").unlink()
    with pytest.raises(UserError, match=r"vmx\.def"):
        isa.load(hv, "vmx")


@pytest.mark.parametrize("name", ["svm", "vmx"])
def test_the_real_tables(name: str) -> None:
    """Every entry is read, and every exit has a neutral name that exit.def knows."""
    table = isa.load(HV, name)
    text = (HV / "hvm" / f"{name}.def").read_text()
    prefix = name.upper()
    starts = [line for line in text.splitlines() if line.startswith(f"{prefix}_")]
    found = len(table.exits) + len(table.fields) + len(table.checks) + len(table.errors)
    assert found == len(starts) > 50
    known = {words.split('"')[1] for words in (HV / "exit.def").read_text().splitlines()
             if words.startswith("EXIT_REASON")}
    assert {code.neutral for code in table.exits.values()} <= known
