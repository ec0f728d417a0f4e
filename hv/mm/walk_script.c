/* See walk_script.h. */
#include "mm/walk_script.h"

#include "core/milestone.h"
#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/printf.h"
#include "mm/gmem.h"
#include "mm/guest_walk.h"

static gpa_t list;
static u64 count;

static bool digits(const char **text, u32 radix, u64 *value)
{
	const char *start = *text;

	for (*value = 0;; (*text)++) {
		char c = **text;
		u32 digit = c >= '0' && c <= '9' ? (u32)(c - '0') :
			    c >= 'a' && c <= 'f' ? (u32)(c - 'a' + 10) : radix;

		if (digit >= radix || *value >> 48)
			return *text != start;
		*value = *value * radix + digit;
	}
}

bool walk_script_set(const char *text)
{
	return digits(&text, 16, &list.v) && *text++ == ',' && digits(&text, 10, &count) && !*text;
}

static void see(u64 number, const char *what, u64 value)
{
	char name[32];

	snprintf(name, sizeof(name), "%lu.%s", number, what);
	milestone_see(name, value);
}

static void translate(struct vm *vm, u64 number, const struct walk_case *c)
{
	const struct hvm_paging p = { .cr0 = c->cr0, .cr3 = c->cr3, .cr4 = c->cr4, .efer = c->efer,
				      .rflags = c->rflags, .cpl = (u32)c->cpl };
	gpa_t out = gpa(0);
	u64 reads = gmem_entry_reads;
	u32 error = 0;
	int result = guest_translate_as(vm, &p, gva(c->address), (u32)c->access, &out, &error);

	see(number, "result", (u64)(s64)result);
	see(number, "reads", gmem_entry_reads - reads);
	if (!result)
		see(number, "gpa", out.v);
	if (result == -EFAULT)
		see(number, "error", error);
}

void walk_script_run(struct vm *vm)
{
	if (!count)
		return;
	vm->region[1] = vm->region[0];		/* where gmem_read_entry() counts */
	vm->region[0].size = 0;
	for (u64 i = 0; i < count; i++) {
		struct walk_case c = { .access = 0 };
		u64 entry = 0;

		if (gmem_read(vm, gpa(list.v + i * sizeof(c)), &c, sizeof(c)))
			panic("walks=: case %lu is not in the VM's memory", i);
		if (c.access)
			translate(vm, i, &c);
		else if (gmem_read(vm, gpa(c.address), &entry, sizeof(entry)))
			panic("walks=: case %lu looks at what is not in the VM's memory", i);
		else
			see(i, "entry", entry);
	}
	machine_end(0);
}
