/* See vcpu.h. */
#include "core/vcpu.h"

#include "core/cpu.h"
#include "core/fpu.h"
#include "core/milestone.h"
#include "core/panic.h"
#include "core/trace.h"
#include "hvm/hvm.h"
#include "lib/lab.h"
#include "lib/string.h"
#include "mm/guest_fetch.h"
#include "mm/pmm.h"
#include "x86/insn.h"
#include "x86/regs.h"

static_assert(offsetof(struct vcpu, gpr) == 0, "the world switches index from a vCPU's address");
static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU is allocated as one page");

/* What an exit has in the fields that its decoder forgets, so that it shows. */
#define FORGOTTEN 0x6b6b6b6b6b6b6b6b

int vcpu_create(struct vm *vm, u32 index, const struct hv_vcpu_start *start)
{
	struct vcpu *v = page_alloc();
	int err;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->index = index;
	v->bare = vm->config.bare;
	v->plain.rip = PLAIN_NONE;
	v->code.page = CODE_NONE;
	v->at_entry = true;	/* to drop what another VM with its tables' address has left */
	v->exit.next_rip = v->exit.value = FORGOTTEN;
	v->gpr[HV_RDI] = start->args[0];
	v->gpr[HV_RSI] = start->args[1];
	v->lazy.dr6 = DR6_RESET;
	v->lazy.xsave = page_alloc();
	if (!v->lazy.xsave) {
		page_free(v);
		return -ENOMEM;
	}
	fpu_reset(v);
	err = vm->ops->vcpu_init(v);
	if (err) {
		page_free(v->lazy.xsave);
		page_free(v);
		return err;
	}
	milestone_controls(v);
	vm->ops->vcpu_start(v, start);
	milestone_created(v);
	vm->vcpu[index] = v;
	vm->vcpu_count++;
	return 0;
}

/* ---- The lazy registers --------------------------------------------------------------------- */

static void leave_cpu(struct vcpu *v)
{
	struct vcpu_lazy *l = &v->lazy;

	l->dr[0] = read_dr0();
	l->dr[1] = read_dr1();
	l->dr[2] = read_dr2();
	l->dr[3] = read_dr3();
	l->tsc_aux = rdmsr(MSR_TSC_AUX);
	fpu_save(v);
	v->vm->ops->vcpu_put(v);
	this_cpu()->owner = NULL;
}

void vcpu_take_cpu(struct vcpu *v)
{
	const struct vcpu_lazy *l = &v->lazy;
	struct cpu *cpu = this_cpu();

	if (cpu->owner == v)
		return;
	if (cpu->owner)
		leave_cpu(cpu->owner);
	write_dr0(l->dr[0]);
	write_dr1(l->dr[1]);
	write_dr2(l->dr[2]);
	write_dr3(l->dr[3]);
	wrmsr(MSR_TSC_AUX, l->tsc_aux);
	fpu_load(v);
	v->vm->ops->vcpu_load(v);
	if (v->who.cpu != cpu->id) {
		v->p2m_seen = 0;	/* what it dropped, it dropped on another CPU */
		v->at_entry = true;
	}
	v->who = (struct trace_who){ .vcpu = v->index, .vm = (u16)v->vm->id, .cpu = (u16)cpu->id };
	cpu->owner = v;
}

void vcpu_destroy(struct vcpu *v)
{
	if (this_cpu()->owner == v)
		leave_cpu(v);
	v->vm->vcpu[v->index] = NULL;
	v->vm->vcpu_count--;
	v->vm->ops->vcpu_fini(v);
	page_free(v->lazy.xsave);
	page_free(v);
}

/* ---- State ---------------------------------------------------------------------------------- */

/* The groups that some lazy register is in. */
#define LAZY_GROUPS (HV_STATE_CRS | HV_STATE_DRS | HV_STATE_MSRS | HV_STATE_FPU)

static void get_code(struct vcpu *v, struct hv_code *code)
{
	code->implicit = v->reinject.valid;
	if (this_cpu()->owner != v)
		vcpu_take_cpu(v);
	if (v->exit.reason == HV_EXIT_MEMORY) {
		struct hvm_violation why;

		v->vm->ops->violation(v, &why);
		code->implicit |= why.walk;
	}
	code->size = (u8)guest_fetch_bytes(v, code->bytes, &code->bits);
}

/* Groups of which the core has a part. */
static __noinline void get_core_groups(struct vcpu *v, struct hv_vcpu_state *s, u64 groups)
{
	const struct vcpu_lazy *l = &v->lazy;

	if (groups & LAZY_GROUPS && this_cpu()->owner == v)
		leave_cpu(v);
	v->vm->ops->getstate(v, s, groups);
	if (groups & HV_STATE_CRS)
		s->xcr0 = l->xcr0;
	if (groups & HV_STATE_DRS)
		memcpy(s->dr, l->dr, sizeof(s->dr));
	if (groups & HV_STATE_MSRS)
		s->tsc_aux = l->tsc_aux;
	if (groups & HV_STATE_FPU)
		memcpy(s->xsave, l->xsave, HV_XSAVE_SIZE);
	if (groups & HV_STATE_INTR)
		s->pending = v->reinject.valid ? v->reinject : v->exception;
}

void vcpu_getstate(struct vcpu *v, struct hv_vcpu_state *s, u64 groups)
{
	if (groups & (LAZY_GROUPS | HV_STATE_INTR))
		get_core_groups(v, s, groups);
	else
		v->vm->ops->getstate(v, s, groups);
	if (groups & HV_STATE_INSN)
		get_code(v, &s->code);
}

/* XRSTOR in the host must not fault: known components, a zero header, no reserved MXCSR bit. */
static bool xsave_ok(const u8 *area)
{
	const u64 *header = (const u64 *)(area + 512);
	u32 mxcsr = *(const u32 *)(area + 24);

	if (header[0] & ~fpu_components() || mxcsr >> 16)
		return false;
	for (int i = 1; i < 8; i++) {
		if (header[i])
			return false;
	}
	return true;
}

/* The outside has done the instruction that exited, and goes on at `rip`. */
static __inlined void end_insn(struct vcpu *v, u64 rip)
{
	if (this_cpu()->owner != v)
		vcpu_take_cpu(v);
	v->exit.next_rip = rip;
	v->vm->ops->advance(v, &v->exit);
	if (!rip)		/* which tells advance() nothing */
		v->vm->ops->set(v, HVM_RIP, 0);
}

static __noinline int set_core_groups(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups)
{
	struct vcpu_lazy *l = &v->lazy;
	int err;

	if (groups & HV_STATE_CRS && !fpu_xcr0_ok(s->xcr0))
		return -EINVAL;
	if (groups & HV_STATE_FPU && !xsave_ok(s->xsave))
		return -EINVAL;
	if (groups & LAZY_GROUPS && this_cpu()->owner == v)
		leave_cpu(v);
	err = v->vm->ops->setstate(v, s, groups);
	if (err)
		return err;
	if (groups & HV_STATE_CRS)
		l->xcr0 = s->xcr0;
	if (groups & HV_STATE_DRS)
		memcpy(l->dr, s->dr, sizeof(l->dr));
	if (groups & HV_STATE_MSRS)
		l->tsc_aux = (u32)s->tsc_aux;
	if (groups & HV_STATE_FPU)
		memcpy(l->xsave, s->xsave, HV_XSAVE_SIZE);
	if (groups & HV_STATE_INTR) {
		v->reinject = s->pending;
		v->exception.valid = false;
	}
	return 0;
}

int vcpu_setstate(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups)
{
	int err = 0;

	if (groups & (LAZY_GROUPS | HV_STATE_INTR))
		err = set_core_groups(v, s, groups);
	else if (groups & HV_STATE_ALL)
		err = v->vm->ops->setstate(v, s, groups & HV_STATE_ALL);
	if (groups & HV_STATE_INSN && !err)
		end_insn(v, s->rip);
	return err;
}

/* ---- Running -------------------------------------------------------------------------------- */

/* The record of the exit that the next entry will end in. */
static inline struct trace_record *trace_next(struct cpu *cpu)
{
	return cpu->trace.record + cpu->trace.count++ % TRACE_RECORDS;
}

/* Fill it in, and show it on port 0xE9 when somebody watches. @return TSC at the exit */
static inline u64 trace_exit(struct trace_record *r, const struct vcpu *v, const struct hv_exit *x)
{
	u64 now = rdtsc();

	r->leave = now;
	r->rip = x->rip;
	r->value = x->value;
	r->reason = x->reason;
	r->code = x->code;
	r->who = v->who;
	if (trace_streaming)
		trace_stream(r);
	return now;
}

/**
 * The end of an IN that went to the outside and came back with `data`: v->in_size bytes of it (1, 2
 * or 4) go into AL, AX or EAX. As always on x86, AL and AX leave the rest of RAX as it was, and EAX
 * clears the upper half. Then no IN waits any more: v->in_size is 0.
 */
static void in_merge(struct vcpu *v, u32 data)
{
	u64 *rax = &v->gpr[HV_RAX];

	if (v->in_size == 1)
		*rax = (*rax & ~0xffull) | (data & 0xff);
	else if (v->in_size == 2)
		*rax = (*rax & ~0xffffull) | (data & 0xffff);
	else
		*rax = data;
	v->in_size = 0;
}

/* The earlier of the guest's timer and the outside's alarm; 0: neither is on. */
static u64 next_due(const struct vcpu *v)
{
	if (!v->timer || !v->alarm)
		return v->timer | v->alarm;
	return v->timer < v->alarm ? v->timer : v->alarm;
}

/*
 * Every so often: give way when the thread's turn is over. Is there a reason not to go on? If not,
 * the next look is due when the turn, the budget, or the time until timer or alarm will be over.
 */
static enum hv_exit_reason look(struct vcpu *v, u64 now)
{
	u64 budget = v->vm->config.budget, due;

	if (!v->look)
		milestone_first_run(v);
	if ((s64)(now - this_cpu()->slice_end) >= 0)
		thread_yield();
	if (v->stop) {
		v->stop = false;
		return HV_EXIT_STOPPED;
	}
	if (budget && v->ran >= budget)
		return HV_EXIT_BUDGET;
	if (v->timer && (s64)(now - v->timer) >= 0) {
		v->timer = 0;
		return HV_EXIT_TIMER;
	}
	if (v->alarm && (s64)(now - v->alarm) >= 0) {
		v->alarm = 0;
		return HV_EXIT_ALARM;
	}
	v->look = this_cpu()->slice_end;
	if (budget && budget - v->ran < v->look - now)
		v->look = now + budget - v->ran;
	due = next_due(v);
	if (due && due < v->look)
		v->look = due;
	return HV_EXIT_UNKNOWN;		/* none */
}

#define NEVER BIT(62)	/* TSC ticks */

/*
 * What not every entry needs: changed translations, an event, a window, an end of the run in time,
 * somebody who looks.
 */
static __noinline void before_entry(struct vcpu *v, const struct hv_exit *last)
{
	bool stop = milestone_entry(v, last);

	if (event_waiting(v) | v->timed | v->awaited)
		milestone_reached("waits", v);
	if (v->p2m_seen != v->vm->p2m_generation) {
		v->vm->ops->flush(v);
		v->p2m_seen = v->vm->p2m_generation;
	}
	if (event_waiting(v))
		event_select(v);
	if (v->awaited)
		v->vm->ops->window(v, HV_EVENT_INTR, true);
	if (v->timed) {		/* a last time when both are off again */
		u64 due = next_due(v);

		v->vm->ops->deadline(v, due ?: rdtsc() + NEVER);
		v->timed = due;
	}
	v->at_entry = v->timed || milestone_is("entry");
	if (stop)
		milestone_reached("entry", v);
}

/* However long it may last, look now and then whether somebody wants the vCPU to stop. */
#define NAP_TICKS 1000000

void vcpu_sleep(struct vcpu *v, u64 until)
{
	u64 start = rdtsc(), now = start;

	/* At least once, even if it is too late: who calls this again and again gives way. */
	while (!v->stop) {
		thread_sleep((s64)(until - now) < NAP_TICKS ? until : now + NAP_TICKS);
		now = rdtsc();
		if ((s64)(now - until) >= 0)
			break;
	}
	v->ran -= now - start;
	v->look = 0;
}

void vcpu_alarm(struct vcpu *v, u64 tsc)
{
	v->alarm = tsc;
	v->timed = v->at_entry = true;
	v->look = 0;		/* the next look depends on it */
}

bool vcpu_ready(struct vcpu *v)
{
	vcpu_take_cpu(v);
	v->awaited = event_waiting(v) || !v->vm->ops->ready(v, HV_EVENT_INTR);
	v->at_entry |= v->awaited;
	return !v->awaited;
}

void vcpu_run(struct vcpu *v, struct hv_exit *x)
{
	const struct hvm_ops *ops = v->vm->ops;
	u64 start = v->left ?: rdtsc(), now = start;	/* the time outside counts too */

	if (v->in_size)
		in_merge(v, x->io.data);
	do {
		enum hv_exit_reason why;
		struct trace_record *trace;
		struct cpu *cpu;

		if (now >= v->look) {
			now = rdtsc();
			v->ran += now - start;
			why = look(v, now);
			if (why) {
				x->reason = why;
				x->rip = ops->get(v, HVM_RIP);
				v->left = 0;
				return;
			}
			start = rdtsc();
		}
		cpu = this_cpu();	/* after a switch we may be on another */
		if (cpu->owner != v)
			vcpu_take_cpu(v);
		if (event_waiting(v) | v->at_entry)
			before_entry(v, x);
		trace = trace_next(cpu);
		trace->enter = rdtsc();
		ops->run(v, x);
		now = trace_exit(trace, v, x);
	} while (v->bare ? exit_is_ours(x) : exit_handle(v, x));
	v->ran += now - start;
	v->left = now;
}
