/* See vmm.h: what a person, and the grader, want to know of a VM that has stopped. */
#include "lib/bitmap.h"
#include "lib/string.h"
#include "vmm/vmm.h"

static void report_refusal(const struct vmm_vm *vm)
{
	struct hv_refusal r;

	for (u32 n = 0; !hv_vcpu_refusal(vm->id, 0, n, &r); n++)
		vmm_printf("vm %s refused: %s (%s)\n", vm->config->name, r.sentence, r.section);
}

/* The last exit, with the details that its reason has. */
static void report_exit(const char *name, const struct hv_exit *x)
{
	vmm_printf("vm %s state exit.code=0x%x exit.rip=0x%lx exit.next=0x%lx exit.value=0x%lx\n",
		   name, x->code, x->rip, x->next_rip, x->value);
	if (x->reason == HV_EXIT_IO)
		vmm_printf("vm %s state exit.port=0x%x exit.size=0x%x exit.in=0x%x exit.string=0x%x"
			   " exit.rep=0x%x exit.data=0x%x\n", name, x->io.port, x->io.size,
			   x->io.in, x->io.string, x->io.rep, x->io.data);
	else if (x->reason == HV_EXIT_MEMORY)
		vmm_printf("vm %s state exit.gpa=0x%lx exit.write=0x%x exit.fetch=0x%x"
			   " exit.present=0x%x\n", name, x->memory.gpa, x->memory.write,
			   x->memory.fetch, x->memory.present);
	else if (x->reason == HV_EXIT_RDMSR || x->reason == HV_EXIT_WRMSR)
		vmm_printf("vm %s state exit.msr=0x%x\n", name, x->msr.index);
	else if (x->reason == HV_EXIT_EXCEPTION)
		vmm_printf("vm %s state exit.vector=0x%x exit.error=0x%x\n", name,
			   x->exception.vector, x->exception.error);
}

/* What a person, and the grader, want to know of a vCPU that stopped. */
static void report_state(const struct vmm_vm *vm, const struct hv_exit *x)
{
	static const char *const gprs[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
	static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	static struct hv_vcpu_state s;
	const char *name = vm->config->name;

	if (hv_vcpu_getstate(vm->id, 0, &s, HV_STATE_ALL))
		return;
	vmm_printf("vm %s exit %s code=0x%x rip=0x%lx value=0x%lx\n", name, hv_exit_name(x->reason),
		   x->code, x->rip, x->value);
	for (u32 i = 0; i < HV_GPRS; i++) {
		if (i % 4 == 0)
			vmm_printf("vm %s state", name);
		vmm_printf(" %s=0x%lx%s", gprs[i], s.gpr[i], i % 4 == 3 ? "\n" : "");
	}
	vmm_printf("vm %s state rip=0x%lx rflags=0x%lx efer=0x%lx\n", name, s.rip, s.rflags,
		   s.efer);
	vmm_printf("vm %s state cr0=0x%lx cr2=0x%lx cr3=0x%lx cr4=0x%lx cr8=0x%lx\n", name, s.cr0,
		   s.cr2, s.cr3, s.cr4, s.cr8);
	for (u32 i = 0; i < HV_SEGS; i++)
		vmm_printf("vm %s state %s=0x%x %s.base=0x%lx %s.limit=0x%x %s.attr=0x%x\n", name,
			   segs[i], s.seg[i].selector, segs[i], s.seg[i].base, segs[i],
			   s.seg[i].limit, segs[i], s.seg[i].attr);
	vmm_printf("vm %s state gdtr.base=0x%lx gdtr.limit=0x%x idtr.base=0x%lx idtr.limit=0x%x\n",
		   name, s.gdtr.base, s.gdtr.limit, s.idtr.base, s.idtr.limit);
	vmm_printf("vm %s state dr6=0x%lx dr7=0x%lx pat=0x%lx\n", name, s.dr6, s.dr7, s.pat);
	vmm_printf("vm %s state shadow=0x%lx nmi.blocked=0x%lx\n", name, s.interrupt_shadow,
		   s.nmi_blocked);
	report_exit(name, x);
}

/* ---- The screen ----------------------------------------------------------------------------- */

struct screen_line {
	const char *vm;
	bool begun;
};

static void put_screen(void *ctx, char c)
{
	struct screen_line *l = ctx;

	if (!l->begun)
		vmm_printf("vm %s screen: ", l->vm);
	vmm_printf("%c", c);
	l->begun = c != '\n';
}

/* What a kernel shows in text mode, if it has used it. Kernels that we start like a PC's may. */
static void report_screen(const struct vmm_vm *vm)
{
	struct screen_line line = { .vm = vm->config->name };
	static u16 cells[VSCREEN_ROWS * VSCREEN_COLUMNS];
	u64 start = VSCREEN_MEMORY + 2ull * vscreen_start(&vm->screen);

	if (!hv_gpa_read(vm->id, start, cells, sizeof(cells)))
		vscreen_text(cells, put_screen, &line);
}

/* ---- Pages that were written to ------------------------------------------------------------- */

#define PAGES	4096ull			/* of the log, at a time */

void report_dirty(struct vmm_vm *vm)
{
	static u64 map[BITMAP_WORDS(PAGES)];
	u64 at = vm->config->watch, end = at + vm->config->watch_size, since = 0;
	bool dirty = false, none = true;

	vmm_printf("vm %s dirty %u:", vm->config->name, ++vm->reports);
	for (u64 page = 0; at < end || dirty; at += 4096, page = (page + 1) % PAGES) {
		bool was = dirty;
		u64 rest = end - at < PAGES * 4096 ? end - at : PAGES * 4096;

		if (page == 0 && at < end && hv_dirty_read(vm->id, at, rest, map) < 0)
			break;
		dirty = at < end && bitmap_get(map, page);
		if (dirty && !was)
			since = at;
		if (was && !dirty)
			vmm_printf(" 0x%lx-0x%lx", since, at - 1);
		none = none && !dirty;
	}
	vmm_printf("%s\n", none ? " none" : "");
}

/* ---- All of it ------------------------------------------------------------------------------ */

void report_end(const struct vmm_vm *vm, const struct hv_exit *x)
{
	vmm_printf("vm %s stopped reason=%s status=%u exits=%lu rip=0x%lx\n", vm->config->name,
		   vm->reason, vm->status, vm->exits, x->rip);
	if (x->reason == HV_EXIT_REFUSED)
		report_refusal(vm);
	if (strcmp(vm->reason, "exit") && strcmp(vm->reason, "halt"))
		report_state(vm, x);
	if (!vm->plain && vm->config->devices & VMFILE_SCREEN)
		report_screen(vm);
}
