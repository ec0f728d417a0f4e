/*
 * AMD SVM: what there is to see of the extension and of a VMCB, and why an entry was refused: the
 * CPU only says that it was, so this evaluates the rules of svm.def.
 */
#include "core/cpu.h"
#include "hvm/svm.h"
#include "lib/cpuid.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/pmm.h"
#include "x86/insn.h"
#include "x86/regs.h"

void svm_see_cpu(struct cpu *cpu, hvm_see_fn see)
{
	see("EFER", rdmsr(MSR_EFER));
	see("VM_HSAVE_PA", rdmsr(MSR_VM_HSAVE_PA));
	see("VM_HSAVE_PA is our page", cpu->hvm_area &&
	    rdmsr(MSR_VM_HSAVE_PA) == virt_to_phys(cpu->hvm_area).v);
	see("host VMCB is a page of its own", cpu->host_vmcb && cpu->host_vmcb != cpu->hvm_area);
	see("host VMCB's address is known", cpu->host_vmcb &&
	    cpu->host_vmcb_hpa.v == virt_to_phys(cpu->host_vmcb).v);
}

static void svm_see_segment(hvm_see_fn see, const char *name, const struct vmcb_segment *s)
{
	char field[24];

	snprintf(field, sizeof(field), "%s.selector", name);
	see(field, s->selector);
	snprintf(field, sizeof(field), "%s.attr", name);
	see(field, s->attr);
	snprintf(field, sizeof(field), "%s.limit", name);
	see(field, s->limit);
	snprintf(field, sizeof(field), "%s.base", name);
	see(field, s->base);
}

void svm_dump(struct vcpu *v, hvm_see_fn see)
{
	static const struct {
		const char *name;
		u16 offset, bytes;
	} fields[] = {
#define SVM_FIELD(name, offset, bytes, group) { #name, offset, bytes },
#include "hvm/svm.def"
	};

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		const void *field = (u8 *)v->cb + fields[i].offset;
		u64 value = 0;

		if (fields[i].bytes == sizeof(struct vmcb_segment)) {
			svm_see_segment(see, fields[i].name, field);
		} else if (fields[i].bytes <= sizeof(value)) {
			memcpy(&value, field, fields[i].bytes);
			see(fields[i].name, value);
		}
	}
	see("iopm_base_pa is the VM's", vmcb_of(v)->iopm_base_pa ==
	    virt_to_phys(v->vm->io_bitmap).v);
	see("msrpm_base_pa is the VM's", vmcb_of(v)->msrpm_base_pa ==
	    virt_to_phys(v->vm->msr_bitmap).v);
	see("n_cr3 is the VM's", vmcb_of(v)->n_cr3 == v->vm->p2m_root.v);
}

void svm_explain(struct vcpu *v, hvm_rule_fn say, void *ctx)
{
	const struct vmcb *c = vmcb_of(v);
	u32 phys_bits = cpuid(0x80000008, 0).eax & 0xff;
	bool found = false;

#define F(name) (c->name)
#define SVM_CHECK(name, violated_if, sentence, section) \
	if (violated_if) { \
		say(ctx, sentence, section); \
		found = true; \
	}
#include "hvm/svm.def"
#undef F
	if (!found)
		say(ctx, "VMEXIT_INVALID, but none of the rules that we know is broken",
		    "APM vol. 2, 15.5.1");
}
