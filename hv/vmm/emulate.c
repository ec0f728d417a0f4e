/*
 * See vmm.h. What the hardware leaves to us of an instruction: to do it, with all that it does to
 * registers, memory, ports and devices, or to find out that it has no right to.
 */
#include "emul/execute.h"
#include "lib/string.h"
#include "vmm/vmm.h"
#include "x86/regs.h"

#define PAGE	4096ull

/* Why insn_execute() gave up, besides its own errors. */
enum {
	RAISED = 1,		/* the guest gets work.exception */
	STOPPED,		/* the VM can't go on: work.stop */
};

/* One instruction under work. */
struct work {
	struct vmm_vm *vm;
	const struct hv_exit *exit;
	struct insn insn;
	struct emul e;
	struct hv_event exception;
	u64 cr2;
	const char *stop;
};

static int stop(struct work *w, const char *reason)
{
	w->stop = reason;
	return STOPPED;
}

static int raise(struct work *w, u8 vector, u32 error)
{
	w->exception = (struct hv_event){ .valid = true, .type = HV_EVENT_EXCEPTION,
					  .vector = vector, .has_error = true, .error = error };
	return RAISED;
}

/* ---- Memory, devices in it, and ports ------------------------------------------------------- */

/*
 * The exit has told where the access goes that came out with it. So the guest's tables need not be
 * walked again, if this is that access: a string instruction makes others, and a write that follows
 * a read has not been allowed yet.
 */
static bool told(const struct work *w, u64 linear, u32 access)
{
	const struct hv_exit *x = w->exit;

	return x->reason == HV_EXIT_MEMORY && (x->memory.gpa ^ linear) % PAGE == 0 &&
	       (x->memory.write || access == HV_PROT_READ) && !insn_is_string(&w->insn);
}

static int translate(struct work *w, u64 linear, u32 access, u64 *gpa)
{
	u32 error = 0;

	if (told(w, linear, access)) {
		*gpa = w->exit->memory.gpa;
		return 0;
	}
	switch (hv_gva_translate(w->vm->id, 0, linear, access, gpa, &error)) {
	case 0:
		return 0;
	case -EFAULT:
		w->cr2 = linear;
		return raise(w, EXC_PF, error);
	case -EINVAL:		/* not canonical */
		return raise(w, EXC_GP, 0);
	case -ENOMEM:
		return stop(w, hv_exit_name(HV_EXIT_NO_MEMORY));
	case -ENOSPC:
		return stop(w, hv_exit_name(HV_EXIT_POOL));
	default:
		return stop(w, hv_exit_name(HV_EXIT_MEMORY));
	}
}

bool emulate_claims(const struct vmm_vm *vm, u64 gpa)
{
	return bus_mmio_find(&vm->bus, gpa & ~(PAGE - 1), PAGE);
}

/* Memory that is read only: a write is as one to no memory at all. */
static bool is_rom(const struct vmm_vm *vm, u64 gpa)
{
	return gpa - vm->config->rom_at < vm->rom_size;
}

static int copied(struct work *w, int err)
{
	return err == 0 ? 0 :
	       err == -ENOMEM ? stop(w, hv_exit_name(HV_EXIT_NO_MEMORY)) :
	       err == -ENOSPC ? stop(w, hv_exit_name(HV_EXIT_POOL)) :
				stop(w, hv_exit_name(HV_EXIT_MEMORY));
}

static int mem_read(void *ctx, u64 linear, u32 size, u64 *value)
{
	struct work *w = ctx;
	u64 gpa = 0;
	int err = translate(w, linear, HV_PROT_READ, &gpa);

	*value = 0;
	if (err)
		return err;
	if (!emulate_claims(w->vm, gpa))
		return copied(w, hv_gpa_read(w->vm->id, gpa, value, size));
	bus_mmio_access(&w->vm->bus, gpa, size, false, value);
	return 0;
}

static int mem_write(void *ctx, u64 linear, u32 size, u64 value)
{
	struct work *w = ctx;
	u64 gpa = 0;
	int err = translate(w, linear, HV_PROT_WRITE, &gpa);

	if (err)
		return err;
	if (!emulate_claims(w->vm, gpa))
		return copied(w, is_rom(w->vm, gpa) ? -EFAULT :
				 hv_gpa_write(w->vm->id, gpa, &value, size));
	bus_mmio_access(&w->vm->bus, gpa, size, true, &value);
	return 0;
}

static int mem_check(void *ctx, u64 linear, u32 size)
{
	struct work *w = ctx;
	u64 gpa = 0, there;
	int err = translate(w, linear, HV_PROT_WRITE, &gpa);

	if (err || emulate_claims(w->vm, gpa))
		return err;
	return copied(w, is_rom(w->vm, gpa) ? -EFAULT :
			 hv_gpa_read(w->vm->id, gpa, &there, size));
}

static int port_in(void *ctx, u16 port, u32 size, u64 *value)
{
	struct work *w = ctx;
	u32 data = 0;

	bus_port_access(&w->vm->bus, port, (u8)size, true, &data);
	*value = data;
	return 0;
}

static int port_out(void *ctx, u16 port, u32 size, u64 value)
{
	struct work *w = ctx;
	u32 data = (u32)value;

	bus_port_access(&w->vm->bus, port, (u8)size, false, &data);
	return 0;
}

/* ---- Before and after ----------------------------------------------------------------------- */

static bool needs_segments(const struct insn *i)
{
	for (u32 n = 0; n < INSN_OPERANDS; n++) {
		if (i->operand[n].kind == INSN_MEM && i->operand[n].segment >= HV_FS)
			return true;
	}
	return i->mode != INSN_64;
}

static void get_segments(struct work *w, struct hv_vcpu_state *s)
{
	hv_vcpu_getstate(w->vm->id, 0, s, HV_STATE_SEGS);
	for (u32 i = HV_ES; i <= HV_GS; i++)
		w->e.base[i] = s->seg[i].base;
}

/* A trap behind what TF is set for (SDM vol. 3, 17.3.1.4). @return the groups that it changes */
static u64 single_step(struct work *w, struct hv_vcpu_state *s)
{
	hv_vcpu_getstate(w->vm->id, 0, s, HV_STATE_DRS);
	s->dr6 |= DR6_BS;
	raise(w, EXC_DB, 0);
	w->exception.has_error = false;
	return HV_STATE_DRS;
}

/* The exception goes in at the next entry. @return the groups that it changes */
static u64 deliver(const struct work *w, struct hv_vcpu_state *s)
{
	u64 groups = HV_STATE_INTR | (w->exception.vector == EXC_PF ? HV_STATE_CRS : 0);

	hv_vcpu_getstate(w->vm->id, 0, s, groups);
	s->interrupt_shadow = 0;
	s->pending = w->exception;
	s->cr2 = w->cr2;
	return groups;
}

/* Not one that we can do: say which it was. */
static const char *unknown(const struct work *w, const struct hv_code *code)
{
	const char *name = w->vm->config->name;

	vmm_printf("vm %s insn: at rip=0x%lx, in %u-bit code, is none that can be emulated:", name,
		   w->exit->rip, code->bits);
	for (u32 i = 0; i < code->size; i++)
		vmm_printf(" %02x", code->bytes[i]);
	vmm_printf("%s\n", code->size ? "" : " it can't be read");
	return "insn";
}

const char *emulate(struct vmm_vm *vm, const struct hv_exit *x)
{
	struct work w;
	struct hv_vcpu_state s;
	u64 groups = HV_STATE_GPRS;
	int err;

	w.vm = vm;
	w.exit = x;
	w.exception.valid = false;
	hv_vcpu_getstate(vm->id, 0, &s, HV_STATE_GPRS | HV_STATE_INSN);
	if (x->reason == HV_EXIT_MEMORY && (s.code.implicit || x->memory.fetch))
		return hv_exit_name(HV_EXIT_MEMORY);
	if (insn_decode(&w.insn, s.code.bytes, s.code.size, INSN_MODE(s.code.bits)))
		return unknown(&w, &s.code);
	memcpy(w.e.gpr, s.gpr, sizeof(s.gpr));
	w.e.rip = s.rip;
	w.e.rflags = s.rflags;
	w.e.ctx = &w;
	w.e.read = mem_read;
	w.e.write = mem_write;
	w.e.check = mem_check;
	w.e.in = port_in;
	w.e.out = port_out;
	if (needs_segments(&w.insn))
		get_segments(&w, &s);
	err = insn_execute(&w.insn, &w.e);
	if (err == STOPPED)
		return w.stop;
	if (err && err != RAISED)
		return unknown(&w, &s.code);
	memcpy(s.gpr, w.e.gpr, sizeof(s.gpr));	/* what is done of a REP stays done */
	s.rip = w.e.rip;
	s.rflags = w.e.rflags;
	if (!err) {
		groups |= HV_STATE_INSN;
		s.rflags &= ~(u64)RFLAGS_RF;
		if (s.rflags & RFLAGS_TF)
			groups |= single_step(&w, &s);
	}
	if (w.exception.valid)
		groups |= deliver(&w, &s);
	hv_vcpu_setstate(vm->id, 0, &s, groups);
	return NULL;
}
