/* See remedy.h. */
#include "hvm/remedy.h"

#include "lib/printf.h"
#include "lib/string.h"

static const struct {
	const char *signature, *name, *intel, *amd;	/* amd: NULL: as on Intel */
} hypervisors[] = {
	{ "KVMKVMKVM", "KVM", "load kvm_intel with nested=1 and start QEMU with -cpu host",
	  "load kvm_amd with nested=1 and start QEMU with -cpu host" },
	{ "TCGTCGTCGTCG", "QEMU without KVM", "it has no VMX; with -cpu max it has AMD's SVM",
	  "start it with -cpu max" },
	{ "VMwareVMware", "VMware", "turn on \"Virtualize Intel VT-x/EPT or AMD-V/RVI\" in the "
	  "VM's processor settings", NULL },
	{ "VBoxVBoxVBox", "VirtualBox", "turn on \"Enable Nested VT-x/AMD-V\" in the VM's system "
	  "settings", NULL },
	{ "Microsoft Hv", "Hyper-V", "run Set-VMProcessor NAME -ExposeVirtualizationExtensions "
	  "$true in PowerShell, with the VM off", NULL },
	{ "XenVMMXenVMM", "Xen", "put nestedhvm=1 into the VM's configuration", NULL },
	{ "bhyve bhyve ", "bhyve", "it does not nest; use a real machine", NULL },
	{ " lrpepyh  vr", "Parallels", "turn on \"Enable nested virtualization\" in the VM's "
	  "settings", NULL },
};

static void nested(char *buf, size_t size, const struct remedy_case *c)
{
	for (u32 i = 0; i < ARRAY_SIZE(hypervisors); i++) {
		if (strcmp(c->hypervisor, hypervisors[i].signature))
			continue;
		snprintf(buf, size, "this machine is itself a VM of %s, which does not pass all of "
			 "%s on to it: %s", hypervisors[i].name, c->amd ? "AMD-V" : "VT-x",
			 c->amd && hypervisors[i].amd ? hypervisors[i].amd : hypervisors[i].intel);
		return;
	}
	snprintf(buf, size, "this machine is itself a VM, of \"%s\", which does not pass all of %s "
		 "on to it: turn on nested virtualization there", c->hypervisor,
		 c->amd ? "AMD-V" : "VT-x");
}

void remedy_text(char *buf, size_t size, const struct remedy_case *c)
{
	if (c->hypervisor)
		nested(buf, size, c);
	else if (c->locked)
		snprintf(buf, size, "save the set-up, then switch the computer off and on again: a "
			 "restart alone can leave it locked");
	else
		snprintf(buf, size, "use another computer: %s, or QEMU or Bochs on this one",
			 c->amd ? "AMD CPUs have it with nested paging since 2008" :
				  "Intel's Core i3, i5 and i7 have all that is needed since 2010");
}
