/*
 * mutant: msr-low-only
 * exercise: 2.11
 * track: intel
 * hint: high-range
 * why: MSRs from 0xc0000000 on are forgotten.
 */
static void vmx_msr_pass(struct vm *vm, u32 msr)
{
	u8 *map = vm->msr_bitmap;
	u8 bit = (u8)(1u << (msr & 7));

	if (msr < 0x2000) {
		map[msr >> 3] &= (u8)~bit;
		map[2048 + (msr >> 3)] &= (u8)~bit;
	}
}
