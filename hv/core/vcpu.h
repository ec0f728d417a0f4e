/**
 * @file vcpu.h
 * A virtual CPU's life: made, run, read and written, ended.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include "core/vm.h"

/** See hv_vcpu_create(). */
int vcpu_create(struct vm *vm, u32 index, const struct hv_vcpu_start *start);
void vcpu_destroy(struct vcpu *v);
/** Run until the outside has something to do; see hv_vcpu_run(). */
void vcpu_run(struct vcpu *v, struct hv_exit *exit);
/** See hv_vcpu_getstate() and hv_vcpu_setstate(). */
void vcpu_getstate(struct vcpu *v, struct hv_vcpu_state *s, u64 groups);
int vcpu_setstate(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups);

/** Let others run until TSC `until`, or hv_vcpu_stop(). It does not count as work. */
void vcpu_sleep(struct vcpu *v, u64 until);
/** Leave the guest with HV_EXIT_ALARM at TSC `tsc`; 0: not any more. */
void vcpu_alarm(struct vcpu *v, u64 tsc);
/** Could the guest take an interrupt now? If not, HV_EXIT_IRQ_WINDOW comes out when it can. */
bool vcpu_ready(struct vcpu *v);
/** Make this CPU's lazy registers `v`'s, after saving whose they were. */
void vcpu_take_cpu(struct vcpu *v);

/* exit.c */

/** Is it an exit of the host's own, like an interrupt? For a bare VM no other is dealt with. */
bool exit_is_ours(const struct hv_exit *exit);
/** Deal with an exit. @return true: go on in the guest; false: it is the outside's */
bool exit_handle(struct vcpu *v, struct hv_exit *exit);
/** Give the guest an exception instead of what it asked for. */
void vcpu_raise(struct vcpu *v, u8 vector);
/** HLT: wait for what may end it. @return true: go on in the guest; false: nothing will come */
bool vcpu_halt(struct vcpu *v, const struct hv_exit *exit);

/* event.c */

/** Before an entry: put the most urgent event in, or open a window for it. */
void event_select(struct vcpu *v);
/** Is there anything for event_select() to do? */
static inline bool event_waiting(const struct vcpu *v)
{
	return v->reinject.valid | v->exception.valid | v->queued.valid;
}

/* policy.c */

/** CPUID: EAX and ECX choose a leaf, which goes into EAX, EBX, ECX, EDX. */
void cpuid_filter(struct vcpu *v);
/**
 * RDMSR or WRMSR.
 * @return false: the guest may have this register itself; let it try again, without an exit
 */
bool msr_exit(struct vcpu *v, const struct hv_exit *exit);
/** Can the policy be kept? @return -EINVAL: it passes a register that state.def does not switch */
int msr_policy_check(const struct hv_machine_config *config);

/* hypercall.c */

/** RAX has the number, RDI and RSI the arguments; RAX gets the result. */
void hypercall_dispatch(struct vcpu *v);

#endif
