/* See trap.h. */
#include "x86/trap.h"

#include "core/panic.h"
#include "x86/apic.h"
#include "x86/desc.h"
#include "x86/insn.h"
#include "x86/regs.h"

static const char *const exceptions[] = {
	"#DE divide error", "#DB debug", "NMI", "#BP breakpoint", "#OF overflow", "#BR bounds",
	"#UD invalid opcode", "#NM no FPU", "#DF double fault", "9", "#TS invalid TSS",
	"#NP segment not present", "#SS stack fault", "#GP general protection", "#PF page fault",
	"15", "#MF FPU error", "#AC alignment check", "#MC machine check", "#XM SIMD error",
};

void trap(struct trap_frame *f)
{
	switch (f->vector) {
	case EXC_NMI:
		return;		/* all it had to do was end the guest's run */
	case EXC_DB:
		return;		/* we never ask for one: a guest's, that Bochs brings out with it */
	case VECTOR_TIMER:
		apic_timer_done();
		return;
	case VECTOR_SPURIOUS:
		return;
	default:
		if (f->vector >= ARRAY_SIZE(exceptions))
			panic("interrupt 0x%lx that nobody asked for", f->vector);
		panic_at(f, "%s in the hypervisor: error code 0x%lx, CR2 0x%lx",
			 exceptions[f->vector], f->error, read_cr2());
	}
}
