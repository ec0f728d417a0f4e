/* See hvm.h: which back end this machine has. */
#include "hvm/hvm.h"

#include "core/console.h"
#include "core/cpu.h"
#include "core/milestone.h"
#include "core/panic.h"

const struct hvm_ops *hvm;
struct hvm_caps hvm_caps;

void hvm_init(void)
{
	static const struct hvm_ops *const all[] = { &svm_ops, &vmx_ops };
	static const char *const yes_no[] = { "no", "yes" };
	const char *why[ARRAY_SIZE(all)] = { NULL };
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(all) && !hvm; i++) {
		if (!all[i]->probe(&hvm_caps, &why[i]))
			hvm = all[i];
	}
	if (!hvm) {
		for (u32 i = 0; i < ARRAY_SIZE(all); i++)
			printf("no %s: %s\n", all[i]->name, why[i]);
		printf("this machine can not run virtual machines\n");
		machine_end(STATUS_FAILED);
	}
	printf("%s: %u address-space ids, nested paging %s, next RIP %s, 1 GiB pages %s\n",
	       hvm->name, hvm_caps.asids, yes_no[hvm_caps.nested_paging],
	       yes_no[hvm_caps.next_rip], yes_no[hvm_caps.page_1g]);
	if (milestone_is("probe"))
		machine_end(0);
	if (!hvm_caps.nested_paging) {
		printf("this CPU's %s has no nested paging, which we need for now\n", hvm->name);
		machine_end(STATUS_FAILED);
	}
	err = hvm->cpu_on(this_cpu());
	if (err)
		panic("%s could not be turned on: error %d", hvm->name, err);
	if (milestone_is("on")) {
		hvm->see_cpu(this_cpu(), milestone_see);
		machine_end(0);
	}
}
