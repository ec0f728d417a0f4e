/* hvm/remedy.c: who gets which advice. */
#include "hvm/remedy.h"
#include "lib/string.h"
#include "unit.h"

static void expect(bool amd, bool locked, const char *hypervisor, const char *text)
{
	const struct remedy_case c = { .amd = amd, .locked = locked, .hypervisor = hypervisor };
	char buf[256], cut[20];

	remedy_text(buf, sizeof(buf), &c);
	CHECK_TEXT(buf, text);
	remedy_text(cut, sizeof(cut), &c);
	CHECK(strlen(cut) == sizeof(cut) - 1 && !memcmp(cut, text, sizeof(cut) - 1));
}

int main(void)
{
	expect(false, false, NULL, "use another computer: Intel's Core i3, i5 and i7 have all that "
	       "is needed since 2010, or QEMU or Bochs on this one");
	expect(true, false, NULL, "use another computer: AMD CPUs have it with nested paging since "
	       "2008, or QEMU or Bochs on this one");
	expect(false, true, NULL, "save the set-up, then switch the computer off and on again: a "
	       "restart alone can leave it locked");
	expect(false, false, "KVMKVMKVM", "this machine is itself a VM of KVM, which does not pass "
	       "all of VT-x on to it: load kvm_intel with nested=1 and start QEMU with -cpu host");
	expect(true, false, "KVMKVMKVM", "this machine is itself a VM of KVM, which does not pass "
	       "all of AMD-V on to it: load kvm_amd with nested=1 and start QEMU with -cpu host");
	expect(true, true, "Microsoft Hv", "this machine is itself a VM of Hyper-V, which does not "
	       "pass all of AMD-V on to it: run Set-VMProcessor NAME "
	       "-ExposeVirtualizationExtensions $true in PowerShell, with the VM off");
	expect(false, false, "Nobody knows", "this machine is itself a VM, of \"Nobody knows\", "
	       "which does not pass all of VT-x on to it: turn on nested virtualization there");
	expect(false, false, "", "this machine is itself a VM, of \"\", which does not pass all "
	       "of VT-x on to it: turn on nested virtualization there");
	return UNIT_END();
}
