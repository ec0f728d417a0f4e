/* See cpu.h. */
#include "core/cpu.h"

#include "lib/string.h"
#include "x86/apic.h"
#include "x86/insn.h"
#include "x86/regs.h"

void cpu_init(struct cpu *cpu, u32 id)
{
	cpu->self = cpu;
	cpu->id = id;
	cpu->current = &cpu->idle;
	strlcpy(cpu->idle.name, "idle", sizeof(cpu->idle.name));
	list_init(&cpu->ready.head);
	list_init(&cpu->sleeping.head);
	descriptors_load(&cpu->desc);
	wrmsr(MSR_GS_BASE, (u64)cpu);
	apic_init();
}
