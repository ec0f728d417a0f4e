/* See milestone.h. */
#include "core/milestone.h"

#include "core/console.h"
#include "core/panic.h"
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/walk_script.h"
#include "x86/insn.h"
#include "x86/regs.h"

static const char *chosen = "";
static u64 entries;		/* still to come, for `entry` */
u64 milestone_violations;
static u64 controls_of = 1;	/* id of the VM, for `controls` */
static const struct hv_event *cut_short;	/* at the last but one of them, for `requeue` */

static const struct {
	const char *step;
	struct hv_event event;
	bool window, off;
} events[] = {
	{ "inject:interrupt", { .type = HV_EVENT_INTR, .vector = 0x41 }, false, false },
	{ "inject:fault", { .type = HV_EVENT_EXCEPTION, .vector = EXC_GP, .has_error = true,
			    .error = 0x1234 }, false, false },
	{ "inject:ud", { .type = HV_EVENT_EXCEPTION, .vector = EXC_UD }, false, false },
	{ "inject:breakpoint", { .type = HV_EVENT_EXCEPTION, .vector = EXC_BP }, false, false },
	{ "inject:overflow", { .type = HV_EVENT_EXCEPTION, .vector = EXC_OF }, false, false },
	{ "inject:nmi", { .type = HV_EVENT_NMI, .vector = EXC_NMI }, false, false },
	{ "inject:nmi-again", { .type = HV_EVENT_NMI, .vector = EXC_NMI }, false, false },
	{ "inject:soft", { .type = HV_EVENT_SOFT, .vector = 0x80, .insn_len = 2 }, false, false },
	{ "window:interrupt", { .type = HV_EVENT_INTR }, true, false },
	{ "window:interrupt-off", { .type = HV_EVENT_INTR }, true, true },
	{ "window:nmi", { .type = HV_EVENT_NMI, .vector = EXC_NMI }, true, false },
	{ "window:nmi-off", { .type = HV_EVENT_NMI, .vector = EXC_NMI }, true, true },
};

/* `until=select:FIRST`: events from FIRST on wait, in the order of their turns. */
static const char *const selections[] = {
	"select:reinject", "select:exception", "select:interrupt", "select:nmi"
};

static bool set_requeue(const char *event)
{
	for (u32 i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strncmp(events[i].step, "inject:", 7) && !strcmp(events[i].step + 7, event))
			cut_short = &events[i].event;
	}
	if (!cut_short)
		return false;
	chosen = "entry";
	entries = 3;
	return true;
}

static bool set_number(const char *step, const char *digits, u64 *number)
{
	chosen = step;
	for (*number = 0; *digits >= '0' && *digits <= '9' && *number < 1000000; digits++)
		*number = *number * 10 + (u64)(*digits - '0');
	return *number && !*digits;
}

bool milestone_set(const char *step)
{
	static const char *const steps[] = { "probe", "on", "controls", "guest", "host", "enter",
					     "past", "waits", "end" };

	if (!strncmp(step, "requeue:", 8))
		return set_requeue(step + 8);
	if (!strncmp(step, "entry:", 6))
		return set_number("entry", step + 6, &entries);
	if (!strncmp(step, "violation:", 10))
		return set_number("violation", step + 10, &milestone_violations);
	if (!strncmp(step, "controls:", 9))
		return set_number("controls", step + 9, &controls_of);
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!strcmp(step, steps[i]))
			chosen = steps[i];
	}
	for (u32 i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strcmp(step, events[i].step))
			chosen = events[i].step;
	}
	for (u32 i = 0; i < ARRAY_SIZE(selections); i++) {
		if (!strcmp(step, selections[i]))
			chosen = selections[i];
	}
	return *chosen;
}

bool milestone_is(const char *step)
{
	return !strcmp(step, chosen);
}

/* ---- What there is to see ------------------------------------------------------------------- */

void milestone_see(const char *name, u64 value)
{
	printf("see %s=0x%lx\n", name, value);
}

/* An event in the layout that both kinds of control block have for it; 0: there is none. */
static u64 event_field(const struct hv_event *e)
{
	return e->valid ? BIT(31) | (u64)e->has_error << 11 | (u64)e->type << 8 | e->vector : 0;
}

static void see_vcpu(struct vcpu *v)
{
	char name[8];

	v->vm->ops->dump(v, milestone_see);
	for (u32 i = 0; i < HV_GPRS; i++) {
		snprintf(name, sizeof(name), "gpr%u", i);
		milestone_see(name, v->gpr[i]);
	}
	milestone_see("reinject", event_field(&v->reinject));
	milestone_see("exception", event_field(&v->exception));
	milestone_see("queued", event_field(&v->queued));
	milestone_see("timer is on", v->timer != 0);
}

static __noreturn void see_and_end(struct vcpu *v)
{
	see_vcpu(v);
	machine_end(0);
}

void milestone_reached(const char *step, struct vcpu *v)
{
	if (milestone_is(step))
		see_and_end(v);
}

void milestone_controls(struct vcpu *v)
{
	if ((u64)v->vm->id < controls_of)
		return;
	if (milestone_is("controls") && v->vm->ops->see_controls)
		v->vm->ops->see_controls(milestone_see);
	milestone_reached("controls", v);
}

/* ---- Events --------------------------------------------------------------------------------- */

/* Have event_select() choose. At its start a guest can take an NMI, but no interrupt. */
static bool select_one(struct vcpu *v)
{
	u32 first = 0;

	while (first < ARRAY_SIZE(selections) && strcmp(chosen, selections[first]))
		first++;
	if (first == ARRAY_SIZE(selections))
		return false;
	vcpu_take_cpu(v);
	if (first == 0)
		v->reinject = (struct hv_event){ .valid = true, .type = HV_EVENT_EXCEPTION,
						 .vector = EXC_GP, .has_error = true,
						 .error = 0x1234 };
	if (first <= 1)
		vcpu_raise(v, EXC_UD);
	v->queued = (struct hv_event){ .valid = true, .type = HV_EVENT_INTR, .vector = 0x41 };
	if (first == 3)
		v->queued = (struct hv_event){ .valid = true, .type = HV_EVENT_NMI,
					       .vector = EXC_NMI };
	event_select(v);
	return true;
}

/* As if the delivery of an NMI had begun. */
static void block_nmis(struct vcpu *v)
{
	static struct hv_vcpu_state s;

	vcpu_getstate(v, &s, HV_STATE_INTR);
	s.nmi_blocked = 1;
	vcpu_setstate(v, &s, HV_STATE_INTR);
}

/* The step `inject:EVENT` or `window:WHAT`, if it is one of these. */
static bool try_event(struct vcpu *v)
{
	const struct hvm_ops *ops = v->vm->ops;
	u32 i = 0;

	while (i < ARRAY_SIZE(events) && strcmp(chosen, events[i].step))
		i++;
	if (i == ARRAY_SIZE(events))
		return false;
	if (milestone_is("inject:nmi-again"))
		block_nmis(v);
	vcpu_take_cpu(v);
	if (!events[i].window || events[i].event.type == HV_EVENT_NMI)
		ops->inject(v, &events[i].event);
	if (events[i].window)
		ops->window(v, events[i].event.type, true);
	if (events[i].off)
		ops->window(v, events[i].event.type, false);
	return true;
}

void milestone_created(struct vcpu *v)
{
	walk_script_run(v->vm);
	milestone_reached("guest", v);
	if (milestone_is("host") && v->vm->ops->see_host) {
		v->vm->ops->see_host(v, milestone_see);
		machine_end(0);
	}
	if (select_one(v) || try_event(v))
		see_and_end(v);
}

/* ---- Trips into the guest ------------------------------------------------------------------- */

/* `past`: the first exit that is the guest's doing, and then no more than advance(). */
static void first_exit(struct vcpu *v)
{
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };

	vcpu_take_cpu(v);
	do {
		irq_window();
		v->vm->ops->run(v, &x);
	} while (exit_is_ours(&x));
	v->vm->ops->advance(v, &x);
}

/*
 * A trip by ops->enter(), whose world switch may have forgotten a register that a function has to
 * keep. In `lost`: a bit for each of those, by its number. The compiler's own code looks after RBP.
 */
static __noinline int trip(struct vcpu *v, u64 *lost)
{
	const u64 kept = 0x6b65707400;		/* and the number, or an exchange would not show */
	u64 result = (u64)v->vm->ops->enter, rbx = kept + HV_RBX;
	register u64 r12 asm("r12") = kept + HV_R12, r13 asm("r13") = kept + HV_R13;
	register u64 r14 asm("r14") = kept + HV_R14, r15 asm("r15") = kept + HV_R15;

	asm volatile("call *%0" : "+a"(result), "+b"(rbx), "+r"(r12), "+r"(r13), "+r"(r14),
		     "+r"(r15), "+D"(v) : : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11",
		     "memory", "cc");
	*lost |= (u64)(rbx != kept + HV_RBX) << HV_RBX | (u64)(r12 != kept + HV_R12) << HV_R12 |
		 (u64)(r13 != kept + HV_R13) << HV_R13 | (u64)(r14 != kept + HV_R14) << HV_R14 |
		 (u64)(r15 != kept + HV_R15) << HV_R15;
	return (int)result;
}

/* `enter`: to and fro, and look. Twice, as going on with a guest is not like starting it. */
static void first_trips(struct vcpu *v)
{
	static const char *const names[] = { "first trip", "second trip" };
	u64 lost = 0, flags = 0;

	vcpu_take_cpu(v);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		int result;

		irq_window();		/* or what waits would end the trip at once */
		result = trip(v, &lost);
		flags |= read_rflags();
		milestone_see(names[i], (u64)result);
	}
	milestone_see("host registers lost", lost);
	milestone_see("interrupts left on", flags & RFLAGS_IF);
	if (v->vm->ops->see_failures)
		v->vm->ops->see_failures(v, milestone_see);
}

void milestone_first_run(struct vcpu *v)
{
	if (milestone_is("past"))
		first_exit(v);
	else if (milestone_is("enter"))
		first_trips(v);
	else
		return;
	see_and_end(v);
}

bool milestone_entry(struct vcpu *v, const struct hv_exit *last)
{
	if (!milestone_is("entry") || last->reason == HV_EXIT_HOST_IRQ ||
	    last->reason == HV_EXIT_HOST_NMI || last->reason == HV_EXIT_PREEMPT)
		return false;
	if (--entries == 1 && cut_short) {
		v->reinject = *cut_short;
		v->reinject.valid = true;
	}
	return !entries;
}

void milestone_violation(struct vcpu *v, const struct hv_exit *x)
{
	static u64 number;
	/* What is not filled in shall show. */
	struct hvm_violation why = { .access = UINT32_MAX, .mapped = true, .walk = true };

	number++;
	v->vm->ops->violation(v, &why);
	printf("see %lu.gpa=0x%lx\nsee %lu.access=0x%x\nsee %lu.mapped=0x%x\nsee %lu.walk=0x%x\n",
	       number, x->memory.gpa, number, why.access, number, why.mapped, number, why.walk);
	if (number == milestone_violations)
		machine_end(0);
}
