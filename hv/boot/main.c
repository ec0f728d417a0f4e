/* From head.S to the first VM: everything is brought up here, in order. */
#include "boot/multiboot.h"
#include "core/console.h"
#include "core/cpu.h"
#include "core/fpu.h"
#include "core/milestone.h"
#include "core/panic.h"
#include "core/screen.h"
#include "core/trace.h"
#include "hvm/hvm.h"
#include "lib/string.h"
#include "load/cmdline.h"
#include "mm/p2m_audit.h"
#include "mm/p2m_script.h"
#include "mm/p2m_selftest.h"
#include "mm/pmm.h"
#include "mm/walk_script.h"
#include "vmm/vmm.h"
#include "x86/apic.h"
#include "x86/nmi_tick.h"
#include "x86/paging.h"

/* How often the timer ends a guest's run, in TSC ticks. */
#define TICK 1000000

static struct cpu boot_cpu;
static const char *selftest;
static char *tables_script;
static bool tick_by_nmi, audit;

/* Words with a meaning for us; CONTRIBUTING.md lists them. */
static void command_line(void)
{
	char *rest = boot_info.command_line, *word;

	while ((word = cmdline_next(&rest))) {
		bool first = word == boot_info.command_line;

		if (!strncmp(word, "end=", 4))
			machine_end_by(word + 4);
		else if (!strcmp(word, "trace=exits"))
			trace_streaming = true;
		else if (!strcmp(word, "screen"))
			screen_init();
		else if (!strncmp(word, "until=", 6) && milestone_set(word + 6))
			continue;
		else if (!strcmp(word, "tick=nmi"))
			tick_by_nmi = true;
		else if (!strcmp(word, "audit"))
			audit = true;
		else if (!strncmp(word, "firmware=", 9) && hvm_pretend(word + 9))
			continue;
		else if (!strcmp(word, "input"))
			console_listen();
		else if (!strncmp(word, "p2m=", 4))
			tables_script = word + 4;
		else if (!strncmp(word, "walks=", 6) && walk_script_set(word + 6))
			continue;
		else if (!strncmp(word, "selftest=", 9))
			selftest = word + 9;
		else if (!first || strchr(word, '='))	/* the first is our own name */
			printf("command line: \"%s\" is not known, left out\n", word);
	}
}

static __noreturn void run_vms(void)
{
	u64 before = pmm_free_pages();
	unsigned int status = vmm_main();

	if (milestone_is("end"))
		milestone_see("pages missing", before - pmm_free_pages());
	machine_end(status);
}

__noreturn void hv_main(u32 magic, u32 info);
__noreturn void hv_main(u32 magic, u32 info)
{
	console_init();
	cpu_init(&boot_cpu, 0);
	multiboot_read(magic, info);
	command_line();
	printf("Nestling\n");

	pmm_init();
	paging_init(pmm_top());
	screen_map();
	printf("memory: %lu MiB, %lu MiB free\n", pmm_total_pages() >> 8, pmm_free_pages() >> 8);
	hvm_init();
	if (audit)
		p2m_audit_start();
	fpu_init();
	apic_timer_start(tick_by_nmi ? 0 : TICK);
	if (tick_by_nmi)
		nmi_tick_start();

	if (tables_script)
		p2m_script(tables_script);
	if (selftest && !(strcmp(selftest, "p2m") ? vmm_selftest(selftest) : p2m_selftest()))
		machine_end(STATUS_FAILED);
	run_vms();
}
