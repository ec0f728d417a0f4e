/* See guest_fetch.h. Four-level paging: SDM vol. 3, 4.5. */
#include "mm/guest_fetch.h"

#include "hvm/hvm.h"
#include "mm/gmem.h"
#include "x86/regs.h"

static int translate(struct vcpu *v, gva_t va, gpa_t *out)
{
	u64 e = v->vm->ops->get(v, HVM_CR3);

	for (int level = 4; level > 0; level--) {
		u32 shift = PAGE_SHIFT + 9 * ((u32)level - 1);

		if (gmem_read(v->vm, gpa((e & PTE_ADDR) + (va.v >> shift & 511) * 8), &e,
			      sizeof(e)))
			return -EFAULT;
		if (!(e & PTE_P))
			return -EFAULT;
		if (level == 1 || (level < 4 && e & PTE_PS)) {
			u64 offset = va.v & (BIT(shift) - 1);

			*out = gpa((e & PTE_ADDR & ~(BIT(shift) - 1)) | offset);
			return 0;
		}
	}
	return -EFAULT;
}

u32 guest_fetch(struct vcpu *v, gva_t va, u8 *buf, u32 size)
{
	u32 n = 0;
	gpa_t at;

	if (!(v->vm->ops->get(v, HVM_EFER) & EFER_LMA))
		return 0;
	while (n < size) {
		if (translate(v, gva(va.v + n), &at) || gmem_read(v->vm, at, &buf[n], 1))
			break;
		n++;
	}
	return n;
}

int guest_fetch_mov_cr(struct vcpu *v, struct hv_exit *x)
{
	u8 insn[15], rex = 0;
	u32 size = guest_fetch(v, gva(x->rip), insn, sizeof(insn)), i = 0;

	while (i < size && (insn[i] == 0x66 || insn[i] == 0xf2 || insn[i] == 0xf3))
		i++;
	if (i < size && (insn[i] & 0xf0) == 0x40)
		rex = insn[i++];
	if (i + 3 > size)
		return -EFAULT;
	if (insn[i] != 0x0f || insn[i + 1] != 0x22)
		return -EINVAL;
	x->cr.gpr = (insn[i + 2] & 7) | (rex & 1) << 3;		/* ModRM.rm, REX.B */
	x->next_rip = x->rip + i + 3;
	return 0;
}
