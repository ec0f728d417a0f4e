/* See milestone.h. */
#include "core/milestone.h"

#include "core/console.h"
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "x86/regs.h"

static const char *chosen = "";
static u64 entries;		/* still to come, for `entry` */

static const struct {
	const char *step;
	struct hv_event event;
	bool window, off;
} events[] = {
	{ "inject:interrupt", { .type = HV_EVENT_INTR, .vector = 0x41 }, false, false },
	{ "inject:fault", { .type = HV_EVENT_EXCEPTION, .vector = EXC_GP, .has_error = true,
			    .error = 0x1234 }, false, false },
	{ "inject:ud", { .type = HV_EVENT_EXCEPTION, .vector = EXC_UD }, false, false },
	{ "inject:nmi", { .type = HV_EVENT_NMI, .vector = EXC_NMI }, false, false },
	{ "inject:soft", { .type = HV_EVENT_SOFT, .vector = 0x80, .insn_len = 2 }, false, false },
	{ "window:interrupt", { .type = HV_EVENT_INTR }, true, false },
	{ "window:interrupt-off", { .type = HV_EVENT_INTR }, true, true },
	{ "window:nmi", { .type = HV_EVENT_NMI, .vector = EXC_NMI }, true, false },
	{ "window:nmi-off", { .type = HV_EVENT_NMI, .vector = EXC_NMI }, true, true },
};

bool milestone_set(const char *step)
{
	static const char *const steps[] = { "probe", "on", "controls", "guest", "enter" };

	if (!strncmp(step, "entry:", 6)) {
		for (step += 6; *step >= '0' && *step <= '9' && entries < 1000000; step++)
			entries = entries * 10 + (u64)(*step - '0');
		chosen = "entry";
		return entries && !*step;
	}
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!strcmp(step, steps[i]))
			chosen = steps[i];
	}
	for (u32 i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strcmp(step, events[i].step))
			chosen = events[i].step;
	}
	return *chosen;
}

bool milestone_is(const char *step)
{
	return !strcmp(step, chosen);
}

bool milestone_entry(void)
{
	return milestone_is("entry") && !--entries;
}

bool milestone_events(struct vcpu *v)
{
	const struct hvm_ops *ops = v->vm->ops;
	u32 i = 0;

	while (i < ARRAY_SIZE(events) && strcmp(chosen, events[i].step))
		i++;
	if (i == ARRAY_SIZE(events))
		return false;
	vcpu_take_cpu(v);
	if (!events[i].window || events[i].event.type == HV_EVENT_NMI)
		ops->inject(v, &events[i].event);
	if (events[i].window)
		ops->window(v, events[i].event.type, true);
	if (events[i].off)
		ops->window(v, events[i].event.type, false);
	return true;
}

void milestone_see(const char *name, u64 value)
{
	printf("see %s=0x%lx\n", name, value);
}

void milestone_see_vcpu(struct vcpu *v)
{
	char name[8];

	v->vm->ops->dump(v, milestone_see);
	for (u32 i = 0; i < HV_GPRS; i++) {
		snprintf(name, sizeof(name), "gpr%u", i);
		milestone_see(name, v->gpr[i]);
	}
}
