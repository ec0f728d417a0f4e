/*
 * See pmm.h. One bit for each page, set while it is in use. First fit from where the last search
 * for a single page ended: simple, exact, and large contiguous runs stay possible.
 */
#include "mm/pmm.h"

#include "boot/multiboot.h"
#include "core/console.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/string.h"

extern const u8 image_start[], image_end[];

static u64 *used;
static u64 top_page;		/* pages from 0 to the end of the highest RAM */
static u64 free_pages, total_pages;
static u64 hint;

static void mark(u64 start, u64 size, bool in_use)
{
	/* A page that is only half there is not there; one that is half in use is in use. */
	u64 first = (in_use ? ROUND_DOWN(start, PAGE_SIZE) :
			      ROUND_UP(start, PAGE_SIZE)) / PAGE_SIZE;
	u64 last = (in_use ? ROUND_UP(start + size, PAGE_SIZE) :
			     ROUND_DOWN(start + size, PAGE_SIZE)) / PAGE_SIZE;

	for (u64 p = first; p < last && p < top_page; p++) {
		if (bitmap_get(used, p) == in_use)
			continue;
		if (in_use) {
			bitmap_set(used, p);
			free_pages--;
		} else {
			bitmap_clear(used, p);
			free_pages++;
		}
	}
}

static u64 module_end(u32 index)
{
	const struct boot_module *m = &boot_info.module[index];

	return ROUND_UP(m->start.v + m->size, PAGE_SIZE);
}

/* Is that RAM in which neither the image nor a module lies? */
static bool is_free(u64 start, u64 size)
{
	bool is_ram = false;

	for (u32 i = 0; i < boot_info.memory.count; i++) {
		const struct memmap_entry *m = &boot_info.memory.entry[i];

		if (m->type == MEMMAP_RAM && m->start <= start &&
		    start + size <= m->start + m->size)
			is_ram = true;
	}
	for (u32 i = 0; i < boot_info.module_count; i++) {
		if (start < module_end(i) && boot_info.module[i].start.v < start + size)
			return false;
	}
	return is_ram;
}

/* The bitmap goes behind the image or a module: UEFI leaves modules anywhere, with gaps. */
static u64 place_bitmap(u64 size)
{
	u64 start = ROUND_UP(image_to_phys(image_end).v, PAGE_SIZE);

	if (is_free(start, size))
		return start;
	for (u32 i = 0; i < boot_info.module_count; i++) {
		if (module_end(i) > start && is_free(module_end(i), size))
			return module_end(i);
	}
	printf("too little memory: no %lu KiB are free behind the boot modules; give this machine "
	       "64 MiB or more\n", size >> 10);
	machine_end(STATUS_FAILED);
}

void pmm_init(void)
{
	u64 size, start;

	for (u32 i = 0; i < boot_info.memory.count; i++) {
		const struct memmap_entry *m = &boot_info.memory.entry[i];

		if (m->type == MEMMAP_RAM)
			top_page = (m->start + m->size) / PAGE_SIZE;	/* they ascend */
	}
	size = BITMAP_WORDS(top_page) * 8;
	start = place_bitmap(size);
	used = phys_to_virt(hpa(start));
	memset(used, 0xff, size);

	for (u32 i = 0; i < boot_info.memory.count; i++) {
		const struct memmap_entry *m = &boot_info.memory.entry[i];

		if (m->type == MEMMAP_RAM)
			mark(m->start, m->size, false);
	}
	total_pages = free_pages;
	mark(0, MiB(1), true);		/* firmware's; and the place for AP trampolines */
	mark(image_to_phys(image_start).v, (u64)(image_end - image_start), true);
	for (u32 i = 0; i < boot_info.module_count; i++)
		mark(boot_info.module[i].start.v, boot_info.module[i].size, true);
	mark(start, size, true);
}

/* The first page at or after `from` that begins a free run of `pages`; top_page when none does. */
static u64 find_run(u64 from, u64 pages, u64 step)
{
	for (u64 p = ROUND_UP(from, step); p + pages <= top_page; p += step) {
		u64 n = 0;

		if (step == 1 && used[p / 64] == UINT64_MAX) {
			p |= 63;	/* none of these */
			continue;
		}
		while (n < pages && !bitmap_get(used, p + n))
			n++;
		if (n == pages)
			return p;
		p = ROUND_DOWN(p + n, step);
	}
	return top_page;
}

void *pmm_alloc_raw(u64 pages, u64 align)
{
	u64 page;

	if (!pages || pages > free_pages)
		return NULL;
	page = find_run(pages == 1 ? hint : 0, pages, align / PAGE_SIZE);
	if (page == top_page)
		page = find_run(0, pages, align / PAGE_SIZE);
	if (page == top_page)
		return NULL;
	for (u64 p = page; p < page + pages; p++)
		bitmap_set(used, p);
	free_pages -= pages;
	if (pages == 1)
		hint = page + 1;
	return phys_to_virt(hpa(page * PAGE_SIZE));
}

void *pmm_alloc(u64 pages, u64 align)
{
	void *va = pmm_alloc_raw(pages, align);

	return va ? memset(va, 0, pages * PAGE_SIZE) : NULL;
}

void pmm_free(void *va, u64 pages)
{
	u64 page = virt_to_phys(va).v / PAGE_SIZE;

	ASSERT(page + pages <= top_page);
	for (u64 p = page; p < page + pages; p++) {
		ASSERT(bitmap_get(used, p));
		bitmap_clear(used, p);
	}
	free_pages += pages;
	if (page < hint)
		hint = page;
}

/* Whoever still has the address shall not find there what he left. */
void page_free(void *va)
{
	memset(va, 0x6b, PAGE_SIZE);
	pmm_free(va, 1);
}

u64 pmm_free_pages(void) { return free_pages; }
u64 pmm_total_pages(void) { return total_pages; }
u64 pmm_top(void) { return top_page * PAGE_SIZE; }
