/*
 * mutant: pass-by-low-bits
 * exercise: 2.11
 * track: amd
 * hint: again
 * why: the ranges of the map are taken to be 0x2000 bytes apart.
 */
static void svm_msr_pass(struct vm *vm, u32 msr)
{
	u8 *map = vm->msr_bitmap;
	u32 n = msr & 0x1fff;
	u32 at = (msr >> 16 == 0xc000 ? 0x1000u : 0) + n / 4;

	map[at] &= (u8)~(1u << (n % 4 * 2));
	map[at] &= (u8)~(2u << (n % 4 * 2));
}
