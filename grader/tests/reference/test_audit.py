"""`audit` on the command line finds each forgotten flush, on emulators that need none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hv.conftest import BUILD, vm
from reference.project import ROOT, emulators

from nestling import build, clex, splice
from nestling.boot import Options, VmFile, boot
from nestling.build import Site
from nestling.emulator import Limits, Reason
from nestling.labs import Break, Func
from nestling.platforms import PLATFORMS

ALL = ("tcg", "bochs-svm", "bochs-vmx")
P2M, SVM, VMX = "hv/mm/p2m.c", "hv/hvm/svm.c", "hv/hvm/vmx.c"
STALE = "panic: stale translation: 0x"
NO_FLUSH = "panic: no flush: the generation is "
NEEDLESS = "panic: flush without need: the generation is still "


@dataclass(frozen=True)
class Mistake:
    """In the function `func`, `old` becomes `new`; the self-test `test` ends in this panic."""

    name: str
    func: Func
    old: str
    new: str
    panic: str
    test: str = "dirty"
    on: tuple[str, ...] = ALL

    def as_break(self) -> Break:
        text = clex.read(ROOT / self.func.path, self.func.path)
        body = splice.body(text, self.func.name, self.func.path)
        assert body.count(self.old) == 1
        text = splice.set_body(text, self.func.name, body.replace(self.old, self.new),
                               self.func.path)
        return Break(self.name, "common", self.func, self.func.path, text, "")


MISTAKES = (
    Mistake("untold", Func(P2M, "p2m_set"), "!still_true(&w->pte, &new)", "false", STALE),
    Mistake("trusting", Func(P2M, "still_true"), "!old->prot", "true", STALE),
    Mistake("rights", Func(P2M, "still_true"), "!(old->prot & ~new->prot)", "true", STALE),
    Mistake("ageless", Func(P2M, "still_true"), "old->accessed <= new->accessed", "true", STALE,
            "p2m", ("tcg", "bochs-vmx")),
    Mistake("unmapped", Func("hv/mm/p2m_flat.c", "unmap_range"), "p2m_changed(vm);", "", STALE,
            "api"),
    Mistake("replaced", Func("hv/mm/p2m_flat.c", "map_range"), "p2m_changed(vm);", "", STALE,
            "api"),
    Mistake("none", Func(SVM, "svm_flush"), "TLB_CONTROL_FLUSH_ALL", "TLB_CONTROL_NONE", NO_FLUSH,
            on=("tcg", "bochs-svm")),
    Mistake("empty", Func(SVM, "svm_flush"), "vmcb_of(v)->tlb_control = TLB_CONTROL_FLUSH_ALL;",
            "", NO_FLUSH, "p2m", ("tcg",)),
    Mistake("always", Func(SVM, "svm_trip"), "c->tlb_control = TLB_CONTROL_NONE;", "", NEEDLESS,
            on=("tcg", "bochs-svm")),
    Mistake("no-invept", Func(VMX, "vmx_flush"), "invept(", "!v && invept(", NO_FLUSH,
            on=("bochs-vmx",)),
    Mistake("other-tables", Func(VMX, "vmx_flush"), "vmx_eptp(v->vm)",
            "vmx_eptp(v->vm) + PAGE_SIZE", NO_FLUSH, on=("bochs-vmx",)),
)


@emulators
@pytest.mark.parametrize(("mistake", "platform"), [
    pytest.param(mistake, platform, id=f"{mistake.name}-{platform}")
    for mistake in MISTAKES for platform in mistake.on])
def test_each_forgotten_flush_is_found(mistake: Mistake, platform: str) -> None:
    folder = f"breaks/audit/{mistake.name}"
    assert not build.make_breaks(Site(ROOT, str(BUILD.relative_to(ROOT))),
                                 {folder: mistake.as_break()}, 1)
    result = boot(PLATFORMS[platform], VmFile("test.vm", vm("a", "hello.64")), BUILD / folder,
                  options=Options(f"audit selftest={mistake.test}"), limits=Limits(seconds=300))
    assert result.reason is Reason.ENDED
    assert result.status == 126
    assert mistake.panic in result.console
