/* See p2m_dirty.h. */
#include "mm/p2m_dirty.h"

#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/lab.h"
#include "lib/string.h"
#include "mm/p2m.h"
#include "mm/p2m_lazy.h"
#include "mm/pmm.h"

static u64 map_pages(const struct dirty_log *log)
{
	return ROUND_UP(BITMAP_WORDS(log->pages) * 8, PAGE_SIZE) / PAGE_SIZE;
}

static u64 page_of(const struct dirty_log *log, gpa_t at)
{
	return (at.v - log->start.v) / PAGE_SIZE;
}

/**
 * Is the page of `at` one of the log's, and has nobody written to it yet? The log has `log->pages`
 * pages, from `log->start` on; log->map has a bit for each, which is set if the page is dirty.
 * page_of() counts from the first one. `at` may be anywhere, also below or behind them all.
 */
bool p2m_dirty_waits(const struct dirty_log *log, gpa_t at)
{
	return at.v >= log->start.v && page_of(log, at) < log->pages &&
	       !bitmap_get(log->map, page_of(log, at));
}

/**
 * The page of `at` is clean, and about to be written to, by the guest or by the host: note it in
 * vm->dirty, and let it be used for `prot` from now on: that page alone, by p2m_protect(). The
 * guest's next write to it makes no exit.
 *
 * @return the error of p2m_protect(), and then the page stays clean
 */
int p2m_dirty_note(struct vm *vm, gpa_t at, u32 prot)
{
	int err = p2m_protect(vm, gpa(ROUND_DOWN(at.v, PAGE_SIZE)), PAGE_SIZE, prot);

	if (!err)
		bitmap_set(vm->dirty.map, page_of(&vm->dirty, at));
	return err;
}

int p2m_dirty_start(struct vm *vm, gpa_t at, u64 size)
{
	struct region *r = p2m_region(vm, at);
	struct dirty_log log = { .start = at, .pages = size / PAGE_SIZE };
	int err;

	if (!vm->paged || !r || !size || (at.v | size) % PAGE_SIZE ||
	    size > r->size - (at.v - r->gpa.v))
		return -EINVAL;
	if (vm->dirty.map)
		return -EBUSY;
	log.map = pmm_alloc(map_pages(&log), PAGE_SIZE);
	if (!log.map)
		return -ENOMEM;
	vm->dirty = log;
	err = p2m_protect(vm, at, size, r->prot & ~(u32)HV_PROT_WRITE);
	if (err)
		p2m_dirty_stop(vm);
	return err;
}

/**
 * Somebody reads the log: is page number `page` in it (the first is 0)? A page that is must be
 * clean from now on, or the next write to it would go unnoticed: it leaves vm->dirty.map, and it
 * keeps only those rights of `prot` that are left without writing. A clean page stays as it is.
 *
 * @return was the page dirty?
 */
static bool harvest(struct vm *vm, u64 page, u32 prot)
{
	gpa_t at = gpa(vm->dirty.start.v + page * PAGE_SIZE);
	int err;

	if (!bitmap_get(vm->dirty.map, page))
		return false;
	bitmap_clear(vm->dirty.map, page);
	err = p2m_protect(vm, at, PAGE_SIZE, prot & ~(u32)HV_PROT_WRITE);
	ASSERT(!err);			/* a page that became dirty has 4 KiB by now */
	return true;
}

s64 p2m_dirty_read(struct vm *vm, gpa_t at, u64 size, u64 *bitmap)
{
	const struct dirty_log *log = &vm->dirty;
	u64 first = page_of(log, at), pages = size / PAGE_SIZE, count = 0;
	const struct region *r = p2m_region(vm, log->start);

	if (!log->map)
		return -ENOENT;
	if ((at.v | size) % PAGE_SIZE || at.v < log->start.v || pages > log->pages ||
	    first > log->pages - pages)
		return -EINVAL;
	memset(bitmap, 0, BITMAP_WORDS(pages) * 8);
	for (u64 i = 0; i < pages; i++) {
		if (!harvest(vm, first + i, r->prot))
			continue;
		bitmap_set(bitmap, i);
		count++;
	}
	return (s64)count;
}

int p2m_dirty_stop(struct vm *vm)
{
	struct dirty_log *log = &vm->dirty;
	const struct region *r = p2m_region(vm, log->start);
	int err;

	if (!log->map)
		return -ENOENT;
	pmm_free(log->map, map_pages(log));
	log->map = NULL;
	err = p2m_protect(vm, log->start, log->pages * PAGE_SIZE, r->prot);
	ASSERT(!err || err == -ENOSPC || err == -ENOMEM);
	return 0;		/* an error: a large page that the start could not split, either */
}
