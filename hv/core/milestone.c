/* See milestone.h. */
#include "core/milestone.h"

#include "core/console.h"
#include "hvm/hvm.h"
#include "lib/printf.h"
#include "lib/string.h"

static const char *chosen = "";
static u64 entries;		/* still to come, for `entry` */

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
		if (!strcmp(step, steps[i])) {
			chosen = steps[i];
			return true;
		}
	}
	return false;
}

bool milestone_is(const char *step)
{
	return !strcmp(step, chosen);
}

bool milestone_entry(void)
{
	return milestone_is("entry") && !--entries;
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
