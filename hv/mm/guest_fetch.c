/* See guest_fetch.h. */
#include "mm/guest_fetch.h"

#include "hvm/hvm.h"
#include "mm/gmem.h"
#include "mm/guest_walk.h"
#include "x86/regs.h"

/* How CS says that code is to be read (SDM vol. 3, 3.4.5), and where it begins. */
static enum insn_mode code_mode(struct vcpu *v, u64 *base)
{
	u64 attr = v->vm->ops->get(v, HVM_CS_ATTR);

	if (v->vm->ops->get(v, HVM_EFER) & EFER_LMA && attr & SEG_L) {
		*base = 0;
		return INSN_64;
	}
	*base = v->vm->ops->get(v, HVM_CS_BASE);
	return attr & SEG_DB ? INSN_32 : INSN_16;
}

/* Bytes at a linear address, as many as are there. A page has to be found only once. */
static u32 fetch(struct vcpu *v, u64 linear, u8 *buf, u32 size)
{
	u32 n = 0, run, error;
	gpa_t at;

	while (n < size) {
		run = (u32)(PAGE_SIZE - (linear + n) % PAGE_SIZE);
		run = run < size - n ? run : size - n;
		if (guest_translate(v, gva(linear + n), HV_PROT_EXEC, &at, &error) ||
		    gmem_read(v->vm, at, buf + n, run))
			break;
		n += run;
	}
	return n;
}

int guest_fetch(struct vcpu *v, u64 rip, struct insn *insn)
{
	u8 bytes[INSN_MAX_LENGTH];
	u64 base;
	enum insn_mode mode = code_mode(v, &base);
	u64 linear = mode == INSN_64 ? rip : (u32)(base + rip);
	u32 size = fetch(v, linear, bytes, sizeof(bytes));

	return insn_decode(insn, bytes, size, mode) ? -EINVAL : 0;
}
