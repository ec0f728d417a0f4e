/* See guest_fetch.h. */
#include "mm/guest_fetch.h"

#include "hvm/hvm.h"
#include "mm/gmem.h"
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

/* One of PAE's four PDPTEs, which choose the first table that is walked. */
static int pdpte(struct vcpu *v, const struct hvm_paging *r, u32 linear, u64 *e)
{
	u64 i = linear >> 30;

	*e = r->pdpte[i];
	return r->has_pdpte ? 0 : gmem_read(v->vm, gpa((r->cr3 & 0xffffffe0) + i * 8), e, 8);
}

/*
 * The guest physical address of code that the CPU has just fetched. So all on the way to it is
 * present, allowed and marked as accessed: there is nothing to ask and nothing to do, as there is
 * for any other address (mm/guest_walk.c).
 */
static int code_address(struct vcpu *v, u64 linear, gpa_t *out)
{
	bool is_long, is_pae;
	u32 shift, bits, size;
	struct hvm_paging r;
	u64 e, high = 0;
	int err = 0;

	v->vm->ops->get_paging(v, &r);
	*out = gpa(linear);
	if (!(r.cr0 & CR0_PG))
		return 0;
	is_long = r.efer & EFER_LMA;
	is_pae = r.cr4 & CR4_PAE;
	shift = is_long ? 39 : is_pae ? 21 : 22;
	bits = is_pae ? 9 : 10;
	size = is_pae ? 8 : 4;
	e = is_pae ? r.cr3 : (u32)r.cr3;
	if (is_pae && !is_long)
		err = pdpte(v, &r, (u32)linear, &e);
	for (; !err; shift -= bits) {
		u64 at = (e & PTE_ADDR) + (linear >> shift & (BIT(bits) - 1)) * size;

		e = 0;
		err = gmem_read(v->vm, gpa(at), &e, size);
		if (shift == PAGE_SHIFT || (e & PTE_PS && (is_pae || r.cr4 & CR4_PSE)))
			break;
	}
	if (shift == 22)		/* address bits 39:32 of a 4 MiB page */
		high = (e & 0x1fe000) << 19;
	*out = gpa(high | (e & PTE_ADDR & ~(BIT(shift) - 1)) | (linear & (BIT(shift) - 1)));
	return err;
}

/* Bytes at a linear address, as many as are there. A page has to be found only once. */
static u32 fetch(struct vcpu *v, u64 linear, u8 *buf, u32 size)
{
	u32 n = 0, run;
	gpa_t at;

	while (n < size) {
		run = (u32)(PAGE_SIZE - (linear + n) % PAGE_SIZE);
		run = run < size - n ? run : size - n;
		if (code_address(v, linear + n, &at) || gmem_read(v->vm, at, buf + n, run))
			break;
		n += run;
	}
	return n;
}

u32 guest_fetch_bytes(struct vcpu *v, u64 rip, u8 bytes[static INSN_MAX_LENGTH], u8 *bits)
{
	u64 base;
	enum insn_mode mode = code_mode(v, &base);

	*bits = (u8)(16 << mode);
	return fetch(v, mode == INSN_64 ? rip : (u32)(base + rip), bytes, INSN_MAX_LENGTH);
}

int guest_fetch(struct vcpu *v, u64 rip, struct insn *insn)
{
	u8 bytes[INSN_MAX_LENGTH], bits;
	u32 size = guest_fetch_bytes(v, rip, bytes, &bits);

	return insn_decode(insn, bytes, size, INSN_MODE(bits)) ? -EINVAL : 0;
}

const u8 *guest_fetch_pointer(struct vcpu *v, u64 rip)
{
	u64 base;
	enum insn_mode mode = code_mode(v, &base);
	gpa_t at;

	if (code_address(v, mode == INSN_64 ? rip : (u32)(base + rip), &at))
		return NULL;
	return gmem_pointer(v->vm, at);
}
