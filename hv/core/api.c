/*
 * The door, core side: ids become pointers, arguments are checked and copied, and only then does
 * anything happen. See api.h.
 */
#include "api.h"

#include "boot/multiboot.h"
#include "core/clock.h"
#include "core/console.h"
#include "core/fpu.h"
#include "core/panic.h"
#include "core/screen.h"
#include "core/thread.h"
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "lib/string.h"
#include "mm/gmem.h"
#include "mm/guest_walk.h"
#include "mm/p2m_dirty.h"
#include "mm/p2m_flat.h"
#include "mm/p2m_lazy.h"
#include "mm/pmm.h"

#define VM_PAGES (ROUND_UP(sizeof(struct vm), PAGE_SIZE) / PAGE_SIZE)

static struct vm *vms[HV_MAX_VMS + 1];		/* by id; 0 stays empty */

struct vm *vm_of(int id)
{
	return id > 0 && id <= HV_MAX_VMS ? vms[id] : NULL;
}

static struct vcpu *vcpu_of(int id, u32 index)
{
	struct vm *vm = vm_of(id);

	return vm && index < HV_MAX_VCPUS ? vm->vcpu[index] : NULL;
}

/* ---- The machine that we run on ------------------------------------------------------------- */

int hv_capability(struct hv_capability *out)
{
	*out = (struct hv_capability){
		.asids = hvm_caps.asids,
		.memory_free = pmm_free_pages() * PAGE_SIZE,
		.memory_total = pmm_total_pages() * PAGE_SIZE,
		.xcr0 = fpu_guest_xcr0(),
	};
	strlcpy(out->backend, hvm->name, sizeof(out->backend));
	return 0;
}

static u64 pages_of(u64 size)
{
	return ROUND_UP(size, PAGE_SIZE) / PAGE_SIZE;
}

void *hv_memory_alloc(u64 size)
{
	return size && size <= pmm_total_pages() * PAGE_SIZE ?
	       pmm_alloc(pages_of(size), PAGE_SIZE) : NULL;
}

void hv_memory_free(void *memory, u64 size)
{
	if (memory)
		pmm_free(memory, pages_of(size));
}

int hv_module_info(u32 index, struct hv_module *out)
{
	if (index >= boot_info.module_count)
		return -ENOENT;
	memcpy(out->name, boot_info.module[index].name, sizeof(out->name));
	out->size = boot_info.module[index].size;
	return 0;
}

s64 hv_module_read(u32 index, u64 offset, void *buf, u64 size)
{
	const struct boot_module *m;

	if (index >= boot_info.module_count)
		return -ENOENT;
	m = &boot_info.module[index];
	if (offset >= m->size)
		return 0;
	if (size > m->size - offset)
		size = m->size - offset;
	memcpy(buf, (u8 *)phys_to_virt(m->start) + offset, size);
	return (s64)size;
}

void hv_console_write(u32 channel, const char *text, u64 size)
{
	if (channel <= HV_MAX_VMS)
		console_write(channel, text, size);
}

int hv_console_read(char *text, u32 size)
{
	return console_read(text, size);
}

u64 hv_clock(void)
{
	return clock_now();
}

u64 hv_wall_clock(void)
{
	return clock_wall();
}

int hv_thread_start(const char *name, void (*entry)(u64 arg), u64 arg)
{
	return thread_start(name, entry, arg);
}

void hv_thread_yield(void)
{
	thread_yield();
}

void hv_thread_wait_all(void)
{
	thread_wait_all();
}

/* ---- A machine ------------------------------------------------------------------------------ */

static void vm_free(struct vm *vm)
{
	vms[vm->id] = NULL;
	if (vm->paged)
		p2m_lazy_fini(vm);
	else if (vm->p2m_root.v)
		p2m_flat_fini(vm);
	vm->ops->vm_fini(vm);
	pmm_free(vm, VM_PAGES);
}

int hv_machine_create(void)
{
	struct vm *vm;
	int id = 1;

	while (id <= HV_MAX_VMS && vms[id])
		id++;
	if (id > HV_MAX_VMS)
		return -ENOSPC;
	vm = pmm_alloc(VM_PAGES, PAGE_SIZE);
	if (!vm)
		return -ENOMEM;
	vm->id = id;
	vm->ops = hvm;
	vm->p2m_generation = 1;
	guest_paging_limits(vm);
	vms[id] = vm;
	if (p2m_flat_init(vm) || vm->ops->vm_init(vm)) {
		vm_free(vm);
		return -ENOMEM;
	}
	return id;
}

int hv_machine_configure(int id, const struct hv_machine_config *config)
{
	struct vm *vm = vm_of(id);

	if (!vm)
		return -ENOENT;
	if (vm->vcpu_count)
		return -EBUSY;
	if (config->cpuid_count > HV_MAX_CPUID || config->msr_count > HV_MAX_MSRS ||
	    msr_policy_check(config))
		return -EINVAL;
	vm->config = *config;
	vm->config.name[HV_NAME_MAX - 1] = '\0';
	guest_paging_limits(vm);
	screen_name((u32)id, vm->config.name);
	return 0;
}

int hv_machine_destroy(int id)
{
	struct vm *vm = vm_of(id);

	if (!vm)
		return -ENOENT;
	for (u32 i = 0; i < HV_MAX_VCPUS; i++) {
		if (vm->vcpu[i] && vm->vcpu[i]->running)
			return -EBUSY;
	}
	for (u32 i = 0; i < HV_MAX_VCPUS; i++) {
		if (vm->vcpu[i])
			vcpu_destroy(vm->vcpu[i]);
	}
	vm_free(vm);
	return 0;
}

/* ---- Guest memory --------------------------------------------------------------------------- */

static bool prot_is_valid(u32 prot)
{
	return prot & HV_PROT_READ && !(prot & ~(u32)HV_PROT_ALL);
}

int hv_gpa_map(int id, u64 at, u64 size, u32 prot)
{
	struct vm *vm = vm_of(id);

	if (!vm)
		return -ENOENT;
	if (!prot_is_valid(prot))
		return -EINVAL;
	return vm->paged ? -EBUSY : p2m_flat_map(vm, gpa(at), size, prot);
}

int hv_gpa_map_lazy(int id, u64 at, u64 size, u32 prot)
{
	struct vm *vm = vm_of(id);

	if (!vm)
		return -ENOENT;
	if (!prot_is_valid(prot))
		return -EINVAL;
	return p2m_lazy_map(vm, gpa(at), size, prot);
}

int hv_gpa_unmap(int id, u64 at, u64 size)
{
	struct vm *vm = vm_of(id);

	if (!vm)
		return -ENOENT;
	return vm->paged ? p2m_lazy_unmap(vm, gpa(at), size) : p2m_flat_unmap(vm, gpa(at), size);
}

int hv_gpa_read(int id, u64 at, void *buf, u64 size)
{
	struct vm *vm = vm_of(id);

	return vm ? gmem_read(vm, gpa(at), buf, size) : -ENOENT;
}

int hv_gpa_write(int id, u64 at, const void *buf, u64 size)
{
	struct vm *vm = vm_of(id);

	return vm ? gmem_write(vm, gpa(at), buf, size) : -ENOENT;
}

int hv_dirty_start(int id, u64 at, u64 size)
{
	struct vm *vm = vm_of(id);

	return vm ? p2m_dirty_start(vm, gpa(at), size) : -ENOENT;
}

s64 hv_dirty_read(int id, u64 at, u64 size, u64 *bitmap)
{
	struct vm *vm = vm_of(id);

	return vm ? p2m_dirty_read(vm, gpa(at), size, bitmap) : -ENOENT;
}

int hv_dirty_stop(int id)
{
	struct vm *vm = vm_of(id);

	return vm ? p2m_dirty_stop(vm) : -ENOENT;
}

/* ---- A virtual CPU -------------------------------------------------------------------------- */

int hv_vcpu_create(int id, u32 index, const struct hv_vcpu_start *start)
{
	struct hv_vcpu_start copy = *start;
	struct vm *vm = vm_of(id);

	if (!vm)
		return -ENOENT;
	if (index >= HV_MAX_VCPUS || copy.mode > HV_MODE_LONG)
		return -EINVAL;
	if (vm->vcpu[index])
		return -EEXIST;
	return vcpu_create(vm, index, &copy);
}

int hv_vcpu_getstate(int id, u32 index, struct hv_vcpu_state *state, u64 groups)
{
	struct vcpu *v = vcpu_of(id, index);

	if (!v)
		return -ENOENT;
	if (v->running)
		return -EBUSY;
	vcpu_getstate(v, state, groups);
	return 0;
}

int hv_vcpu_setstate(int id, u32 index, const struct hv_vcpu_state *state, u64 groups)
{
	struct vcpu *v = vcpu_of(id, index);

	if (!v)
		return -ENOENT;
	if (v->running)
		return -EBUSY;
	return vcpu_setstate(v, state, groups);
}

int hv_gva_translate(int id, u32 index, u64 at, u32 access, u64 *out, u32 *error)
{
	struct vcpu *v = vcpu_of(id, index);
	gpa_t found = { 0 };
	int err;

	if (!v)
		return -ENOENT;
	if (v->running)
		return -EBUSY;
	if (!(access & HV_PROT_ALL) || access & ~(u32)(HV_PROT_ALL | HV_ACCESS_IMPLICIT))
		return -EINVAL;
	err = guest_translate(v, gva(at), access, &found, error);
	*out = found.v;
	return err;
}

int hv_vcpu_inject(int id, u32 index, const struct hv_event *event)
{
	struct vcpu *v = vcpu_of(id, index);
	struct hv_event e = *event;

	if (!v)
		return -ENOENT;
	if (e.type != HV_EVENT_INTR && e.type != HV_EVENT_NMI)
		return -EINVAL;
	e.has_error = false;
	if (v->queued.valid)
		return -EAGAIN;
	e.valid = true;
	v->queued = e;
	return 0;
}

int hv_vcpu_ready(int id, u32 index)
{
	struct vcpu *v = vcpu_of(id, index);

	if (!v)
		return -ENOENT;
	return v->running ? -EBUSY : vcpu_ready(v);
}

int hv_vcpu_alarm(int id, u32 index, u64 when)
{
	struct vcpu *v = vcpu_of(id, index);

	if (!v)
		return -ENOENT;
	vcpu_alarm(v, when < CLOCK_FOREVER ? clock_tsc(when) : 0);
	return 0;
}

int hv_vcpu_sleep(int id, u32 index, u64 until)
{
	struct vcpu *v = vcpu_of(id, index);

	if (!v)
		return -ENOENT;
	if (v->running)
		return -EBUSY;
	v->running = true;
	vcpu_sleep(v, clock_tsc(until));
	v->running = false;
	return v->stop;
}

int hv_vcpu_run(int id, u32 index, struct hv_exit *exit)
{
	struct vcpu *v = vcpu_of(id, index);

	if (!v)
		return -ENOENT;
	if (v->running)
		return -EBUSY;
	v->running = true;
	v->exit.io.data = exit->io.data;
	vcpu_run(v, &v->exit);
	v->running = false;
	*exit = v->exit;
	return 0;
}

int hv_vcpu_stop(int id, u32 index)
{
	struct vcpu *v = vcpu_of(id, index);

	if (!v)
		return -ENOENT;
	v->stop = true;
	return 0;
}

struct refusal_search {
	u32 skip;
	struct hv_refusal *out;
	bool found;
};

static void refusal_say(void *ctx, const char *sentence, const char *section)
{
	struct refusal_search *s = ctx;

	if (s->found || s->skip--)
		return;
	strlcpy(s->out->sentence, sentence, sizeof(s->out->sentence));
	strlcpy(s->out->section, section, sizeof(s->out->section));
	s->found = true;
}

int hv_vcpu_refusal(int id, u32 index, u32 n, struct hv_refusal *out)
{
	struct vcpu *v = vcpu_of(id, index);
	struct refusal_search s = { .skip = n, .out = out };

	if (!v || v->exit.reason != HV_EXIT_REFUSED)
		return -ENOENT;
	vcpu_take_cpu(v);
	v->vm->ops->explain(v, refusal_say, &s);
	return s.found ? 0 : -ENOENT;
}
