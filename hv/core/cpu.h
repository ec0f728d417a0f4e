/**
 * @file cpu.h
 * Per-CPU state, reached through GS. Everything that one CPU has for itself is here; nothing
 * here is ever touched by another CPU.
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include "core/thread.h"
#include "core/trace.h"
#include "mm/types.h"
#include "x86/desc.h"

struct cpu {
	struct cpu *self;	/**< at GS:0 */
	u32 id;			/**< from 0, without gaps */

	struct thread *current;
	struct thread idle;	/**< the boot stack's thread: runs when nobody else can */
	struct thread_list ready, sleeping;
	u64 slice_end;		/**< TSC at which the current thread's turn is over */

	struct vcpu *owner;	/**< whose lazy registers are in this CPU; NULL: nobody's */

	void *hvm_area;		/**< VMX: the VMXON region. SVM: the host save area */
	void *host_vmcb;	/**< SVM: where VMSAVE keeps the host's FS, GS, TR, ... */
	hpa_t host_vmcb_hpa;
	struct {
		u64 type, eptp;
	} invept;		/**< VMX: the last one; type 0: none since flushes() */

	struct trace_ring trace;
	struct descriptors desc;	/**< GDT and TSS */
};

/** The CPU that this code runs on. */
static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	asm volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/** Make `cpu` this CPU's structure: descriptors, GS base. Called once on each CPU. */
void cpu_init(struct cpu *cpu, u32 id);

#endif
