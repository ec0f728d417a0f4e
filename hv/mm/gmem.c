/* See gmem.h. */
#include "mm/gmem.h"

#include "lib/string.h"
#include "mm/p2m_lazy.h"
#include "mm/pmm.h"

/* resolve() for memory that was mapped once and for all. */
static int resolve_flat(const struct vm *vm, u64 gpa, hpa_t *out, u64 *contiguous)
{
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		const struct region *r = &vm->region[i];

		if (r->size && gpa >= r->gpa.v && gpa - r->gpa.v < r->size) {
			*contiguous = r->size - (gpa - r->gpa.v);
			*out = hpa(r->hpa.v + (gpa - r->gpa.v));
			return 0;
		}
	}
	return -EFAULT;
}

/* Where guest memory at `at` is in the host, and how many bytes from there on are contiguous. */
static int resolve(struct vm *vm, u64 at, bool write, hpa_t *out, u64 *contiguous)
{
	if (!vm->paged)
		return resolve_flat(vm, at, out, contiguous);
	*contiguous = PAGE_SIZE - at % PAGE_SIZE;
	return p2m_lazy_touch(vm, gpa(at), write, out);
}

/* Is all of it there? If it is lazy, it is there from now on. */
static int check(struct vm *vm, u64 gpa, u64 size)
{
	u64 run;
	hpa_t at;

	if (gpa + size < gpa)
		return -EFAULT;
	for (; size; gpa += run, size -= run) {
		int err = resolve(vm, gpa, false, &at, &run);

		if (err)
			return err;
		run = run < size ? run : size;
	}
	return 0;
}

static int copy(struct vm *vm, u64 gpa, u8 *buf, u64 size, bool write)
{
	int err = check(vm, gpa, size);
	u64 run;
	hpa_t at;

	for (; size && !err; gpa += run, buf += run, size -= run) {
		err = resolve(vm, gpa, write, &at, &run);
		if (err)
			break;
		run = run < size ? run : size;
		if (write)
			memcpy(phys_to_virt(at), buf, run);
		else
			memcpy(buf, phys_to_virt(at), run);
	}
	return err;
}

int gmem_read(struct vm *vm, gpa_t gpa, void *buf, u64 size)
{
	return copy(vm, gpa.v, buf, size, false);
}

u64 gmem_entry_reads;

int gmem_read_entry_anywhere(struct vm *vm, gpa_t at, u32 size, u64 *value)
{
	gmem_entry_reads++;
	*value = 0;
	return copy(vm, at.v, (u8 *)value, size, false);
}

const void *gmem_pointer(struct vm *vm, gpa_t at)
{
	u64 run;
	hpa_t to;

	return resolve(vm, at.v, false, &to, &run) ? NULL : phys_to_virt(to);
}

int gmem_update_entry(struct vm *vm, gpa_t at, u32 size, u64 old, u64 new)
{
	const struct region *r = p2m_region(vm, at);
	u32 old_low = (u32)old;
	bool done;
	u64 run;
	hpa_t to;
	int err;

	if (!r || !(r->prot & HV_PROT_WRITE))
		return -EFAULT;
	err = resolve(vm, at.v, true, &to, &run);
	if (err)
		return err;
	if (size == 8)
		done = __atomic_compare_exchange_n((u64 *)phys_to_virt(to), &old, new, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	else
		done = __atomic_compare_exchange_n((u32 *)phys_to_virt(to), &old_low, (u32)new,
						   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return done ? 0 : -EAGAIN;
}

int gmem_write(struct vm *vm, gpa_t gpa, const void *buf, u64 size)
{
	return copy(vm, gpa.v, (u8 *)buf, size, true);
}
