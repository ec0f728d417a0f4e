/* See guest_fetch.h. */
#include "mm/guest_fetch.h"

#include "hvm/hvm.h"
#include "lib/string.h"
#include "mm/gmem.h"
#include "x86/regs.h"

/* What it takes to find code. */
struct place {
	struct hvm_paging mode;
	enum insn_mode insn;
	u64 linear;
};

/* How CS says that code is to be read (SDM vol. 3, 3.4.5), and where it begins. */
static __inlined void place_of(struct vcpu *v, struct place *p)
{
	v->vm->ops->get_paging(v, &p->mode);
	if (p->mode.efer & EFER_LMA && p->mode.cs_attr & SEG_L) {
		p->insn = INSN_64;
		p->linear = p->mode.rip;
		return;
	}
	p->insn = p->mode.cs_attr & SEG_DB ? INSN_32 : INSN_16;
	p->linear = (u32)(p->mode.cs_base + p->mode.rip);
}

/* ---- The way through the guest's tables ----------------------------------------------------- */

/*
 * Is the way to the page that we last went with 8-byte entries still the same? Then so is its end.
 * @return the first byte of the page; NULL: it is another page, or the guest has changed an entry
 */
static __inlined const u8 *same_way(const struct vcpu *v, const struct place *p, u64 linear)
{
	const struct code_path *c = &v->code;

	if (c->page != linear / PAGE_SIZE || c->cr3 != p->mode.cr3 ||
	    c->generation != v->vm->p2m_generation || !(p->mode.efer & EFER_LMA))
		return NULL;
	if (*c->entry[0] != c->value[0] || *c->entry[1] != c->value[1] ||
	    *c->entry[2] != c->value[2] || *c->entry[3] != c->value[3])
		return NULL;
	return c->code;
}

/* Entry `i` of the table at `table`, of 4 or 8 bytes. @return where it is; NULL: no memory */
static const volatile void *entry_read(struct vcpu *v, u64 table, u64 i, u32 size, u64 *e)
{
	const volatile void *at = gmem_pointer(v->vm, gpa(table + i * size));

	if (at)
		*e = size == 8 ? *(const volatile u64 *)at : *(const volatile u32 *)at;
	return at;
}

/* One of PAE's four PDPTEs, which choose the first table that is walked. */
static bool pdpte(struct vcpu *v, const struct hvm_paging *r, u32 linear, u64 *e)
{
	*e = r->pdpte[linear >> 30];
	return r->has_pdpte || entry_read(v, r->cr3 & 0xffffffe0, linear >> 30, 8, e);
}

/*
 * The guest physical address of code that the CPU has just fetched. So all on the way to it is
 * present, allowed and marked as accessed: there is nothing to ask and nothing to do, as there is
 * for any other address (mm/guest_walk.c).
 */
static int code_address(struct vcpu *v, const struct hvm_paging *r, u64 linear, gpa_t *out)
{
	struct code_path *c = &v->code;
	bool is_long = r->efer & EFER_LMA, is_pae = r->cr4 & CR4_PAE;
	u32 shift = is_long ? 39 : is_pae ? 21 : 22, bits = is_pae ? 9 : 10, size = is_pae ? 8 : 4;
	u64 e = is_pae ? r->cr3 : (u32)r->cr3, high = 0;

	*out = gpa(linear);
	if (!(r->cr0 & CR0_PG))
		return 0;
	if (is_pae && !is_long && !pdpte(v, r, (u32)linear, &e))
		return -EFAULT;
	for (u32 n = 0;; shift -= bits, n++) {
		const volatile void *at = entry_read(v, e & PTE_ADDR,
						     linear >> shift & (BIT(bits) - 1), size, &e);

		if (!at)
			return -EFAULT;
		for (u32 i = n; i < ARRAY_SIZE(c->entry); i++) {
			c->entry[i] = at;
			c->value[i] = e;
		}
		if (shift == PAGE_SHIFT || (e & PTE_PS && (is_pae || r->cr4 & CR4_PSE)))
			break;
	}
	if (shift == 22)		/* address bits 39:32 of a 4 MiB page */
		high = (e & 0x1fe000) << 19;
	*out = gpa(high | (e & PTE_ADDR & ~(BIT(shift) - 1)) | (linear & (BIT(shift) - 1)));
	return 0;
}

/* The byte at a linear address, and what follows it in its page. @return NULL: no memory */
static const u8 *code_pointer(struct vcpu *v, const struct place *p, u64 linear)
{
	struct code_path *c = &v->code;
	const u8 *page = same_way(v, p, linear);
	gpa_t at;

	if (page)
		return page + linear % PAGE_SIZE;
	c->page = CODE_NONE;
	if (code_address(v, &p->mode, linear, &at))
		return NULL;
	page = gmem_pointer(v->vm, gpa(at.v & ~(PAGE_SIZE - 1)));
	if (!page)
		return NULL;
	if (p->mode.efer & EFER_LMA) {
		c->page = linear / PAGE_SIZE;
		c->cr3 = p->mode.cr3;
		c->generation = v->vm->p2m_generation;
		c->code = page;
	}
	return page + linear % PAGE_SIZE;
}

/* ---- What is there -------------------------------------------------------------------------- */

/* Bytes at a linear address that are in two pages, or not all there. */
static __noinline u32 fetch_parts(struct vcpu *v, const struct place *p, u8 *buf, u32 size)
{
	u32 n = 0, run;

	while (n < size) {
		u64 linear = p->linear + n;
		const u8 *code = code_pointer(v, p, linear);

		if (!code)
			break;
		run = (u32)(PAGE_SIZE - linear % PAGE_SIZE);
		run = run < size - n ? run : size - n;
		memcpy(buf + n, code, run);
		n += run;
	}
	return n;
}

u32 guest_fetch_bytes(struct vcpu *v, u8 bytes[static INSN_MAX_LENGTH], u8 *bits)
{
	struct place p;
	const u8 *page;
	u64 offset;

	place_of(v, &p);
	offset = p.linear % PAGE_SIZE;
	*bits = (u8)(16 << p.insn);
	page = same_way(v, &p, p.linear);
	if (!page || offset > PAGE_SIZE - INSN_MAX_LENGTH)
		return fetch_parts(v, &p, bytes, INSN_MAX_LENGTH);
	__builtin_memcpy(bytes, page + offset, INSN_MAX_LENGTH);
	return INSN_MAX_LENGTH;
}

int guest_fetch(struct vcpu *v, struct insn *insn)
{
	u8 bytes[INSN_MAX_LENGTH], bits;
	u32 size = guest_fetch_bytes(v, bytes, &bits);

	return insn_decode(insn, bytes, size, INSN_MODE(bits)) ? -EINVAL : 0;
}

const u8 *guest_fetch_pointer(struct vcpu *v)
{
	struct place p;

	place_of(v, &p);
	return code_pointer(v, &p, p.linear);
}
