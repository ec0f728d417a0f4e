/*
 * mutant: msr-words
 * exercise: 2.11
 * track: intel
 * hint: neighbours
 * why: the registers of a whole word of the bitmap are passed.
 */
static void vmx_msr_pass(struct vm *vm, u32 msr)
{
	u64 *map = vm->msr_bitmap;
	u32 n = msr & 0x1fff, i = n / 64;

	if (msr >= 0x2000)
		i += 1024 / 8;
	map[i] = 0;
	map[i + 2048 / 8] = 0;
}
