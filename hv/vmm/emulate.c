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

static int translate(struct work *w, u64 linear, u32 access, u64 *gpa)
{
	u32 error = 0;

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

/* The guest's memory: all or nothing. Late memory comes when it is touched from here, too. */
static int copy(struct work *w, u64 gpa, void *buf, u32 size, bool write)
{
	int err;

	do
		err = write ? hv_gpa_write(w->vm->id, gpa, buf, size) :
			      hv_gpa_read(w->vm->id, gpa, buf, size);
	while (err == -EFAULT && vmm_late_memory(w->vm, gpa));
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
		return copy(w, gpa, value, size, false);
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
		return vmm_is_rom(w->vm, gpa, size) ? stop(w, hv_exit_name(HV_EXIT_MEMORY)) :
					    copy(w, gpa, &value, size, true);
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
	return vmm_is_rom(w->vm, gpa, size) ? stop(w, hv_exit_name(HV_EXIT_MEMORY)) :
				    copy(w, gpa, &there, size, false);
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
static __noinline const char *unknown(const struct vmm_vm *vm, const struct hv_exit *x,
				      const struct hv_code *code)
{
	const char *name = vm->config->name;

	vmm_printf("vm %s insn: at rip=0x%lx, in %u-bit code, is none that can be emulated:", name,
		   x->rip, code->bits);
	for (u32 i = 0; i < code->size; i++)
		vmm_printf(" %02x", code->bytes[i]);
	vmm_printf("%s\n", code->size ? "" : " it can't be read");
	return "insn";
}

/* ---- One instruction ------------------------------------------------------------------------ */

/*
 * The instruction that exited, decoded. A driver comes back to the same ones, so they are kept;
 * the bytes tell whether it still is that one.
 */
static const struct insn *decode(struct vmm_vm *vm, u64 rip, const struct hv_code *code)
{
	struct vmm_decoded *d = &vm->decoded[rip % ARRAY_SIZE(vm->decoded)];
	u64 new[2], old[2];

	static_assert(offsetof(struct hv_code, size) == 15, "16 bytes tell all but the mode");
	__builtin_memcpy(new, code, 16);
	__builtin_memcpy(old, &d->code, 16);
	if (new[0] == old[0] && new[1] == old[1] && code->bits == d->code.bits)
		return &d->insn;
	d->code.bits = 0;
	if (insn_decode(&d->insn, code->bytes, code->size, INSN_MODE(code->bits)))
		return NULL;
	d->code = *code;
	return &d->insn;
}

/*
 * Most are a MOV, or a MOVZX, of a register or a number from or to the address that the exit tells.
 * At the start of a page it may be the second half of an operand. @return false: it is another one
 */
static bool quick_mov(struct vmm_vm *vm, const struct hv_exit *x, const struct insn *i,
		      struct hv_vcpu_state *s)
{
	bool write = x->memory.write;
	const struct insn_operand *mem = &i->operand[!write], *other = &i->operand[write];
	u64 at = x->memory.gpa % PAGE, value = other->value;

	if (mem->kind != INSN_MEM || !at || at > PAGE - mem->size ||
	    (i->op != INSN_MOV && i->op != INSN_MOVZX) || s->rflags & (RFLAGS_TF | RFLAGS_RF) ||
	    (other->kind != INSN_REG && other->kind != INSN_IMM))
		return false;
	if (other->kind == INSN_REG)
		value = s->gpr[other->reg];
	bus_mmio_access(&vm->bus, x->memory.gpa, mem->size, write, &value);
	s->rip += i->length;
	if (i->mode != INSN_64)
		s->rip &= UINT32_MAX;
	if (!write && other->size < 4)
		value |= s->gpr[other->reg] & ~(BIT(8 * other->size) - 1);
	if (!write)
		s->gpr[other->reg] = value;
	hv_vcpu_setstate(vm->id, 0, s, HV_STATE_INSN | (write ? 0 : HV_STATE_GPRS));
	return true;
}

/* Any other. @return as emulate() */
static __noinline const char *execute(struct vmm_vm *vm, const struct hv_exit *x,
				      const struct insn *insn, struct hv_vcpu_state *s)
{
	struct work w = {
		.vm = vm,
		.e = { .rip = s->rip, .rflags = s->rflags, .ctx = &w, .read = mem_read,
		       .write = mem_write, .check = mem_check, .in = port_in, .out = port_out },
	};
	u64 groups = HV_STATE_GPRS;
	int err;

	memcpy(w.e.gpr, s->gpr, sizeof(s->gpr));
	if (needs_segments(insn))
		get_segments(&w, s);
	err = insn_execute(insn, &w.e);
	if (err == STOPPED)
		return w.stop;
	if (err && err != RAISED)
		return unknown(vm, x, &s->code);
	memcpy(s->gpr, w.e.gpr, sizeof(s->gpr));	/* what is done of a REP stays done */
	s->rip = w.e.rip;
	s->rflags = w.e.rflags;
	if (!err) {
		groups |= HV_STATE_INSN;
		s->rflags &= ~(u64)RFLAGS_RF;
		if (s->rflags & RFLAGS_TF)
			groups |= single_step(&w, s);
	}
	if (w.exception.valid)
		groups |= deliver(&w, s);
	hv_vcpu_setstate(vm->id, 0, s, groups);
	return NULL;
}

const char *emulate(struct vmm_vm *vm, const struct hv_exit *x)
{
	struct hv_vcpu_state s;
	const struct insn *insn;

	hv_vcpu_getstate(vm->id, 0, &s, HV_STATE_GPRS | HV_STATE_INSN);
	if (x->reason == HV_EXIT_MEMORY && (s.code.implicit || x->memory.fetch))
		return hv_exit_name(HV_EXIT_MEMORY);
	insn = decode(vm, x->rip, &s.code);
	if (!insn)
		return unknown(vm, x, &s.code);
	if (x->reason == HV_EXIT_MEMORY && quick_mov(vm, x, insn, &s))
		return NULL;
	return execute(vm, x, insn, &s);
}
