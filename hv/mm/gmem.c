/* See gmem.h. */
#include "mm/gmem.h"

#include "lib/string.h"
#include "mm/pmm.h"

/* The host's view of guest memory at `gpa`, and how many bytes from there on are contiguous. */
static void *resolve(const struct vm *vm, u64 gpa, u64 *contiguous)
{
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		const struct region *r = &vm->region[i];

		if (r->size && gpa >= r->gpa.v && gpa - r->gpa.v < r->size) {
			*contiguous = r->size - (gpa - r->gpa.v);
			return (u8 *)phys_to_virt(r->hpa) + (gpa - r->gpa.v);
		}
	}
	return NULL;
}

static bool is_memory(const struct vm *vm, u64 gpa, u64 size)
{
	u64 run;

	if (gpa + size < gpa)
		return false;
	for (; size; gpa += run, size -= run) {
		if (!resolve(vm, gpa, &run))
			return false;
		run = run < size ? run : size;
	}
	return true;
}

static int copy(struct vm *vm, u64 gpa, u8 *buf, u64 size, bool write)
{
	u64 run;

	if (!is_memory(vm, gpa, size))
		return -EFAULT;
	for (; size; gpa += run, buf += run, size -= run) {
		u8 *mem = resolve(vm, gpa, &run);

		run = run < size ? run : size;
		if (write)
			memcpy(mem, buf, run);
		else
			memcpy(buf, mem, run);
	}
	return 0;
}

int gmem_read(struct vm *vm, gpa_t gpa, void *buf, u64 size)
{
	return copy(vm, gpa.v, buf, size, false);
}

int gmem_write(struct vm *vm, gpa_t gpa, const void *buf, u64 size)
{
	return copy(vm, gpa.v, (u8 *)buf, size, true);
}
