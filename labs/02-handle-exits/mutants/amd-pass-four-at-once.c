/*
 * mutant: pass-four-at-once
 * exercise: 2.11
 * track: amd
 * hint: neighbour
 * why: the shift is left out, and the byte cleared with a mask of its own.
 */
static void svm_msr_pass(struct vm *vm, u32 msr)
{
	u32 base = msr >= 0xc0010000 ? 0xc0010000 : msr >= 0xc0000000 ? 0xc0000000 : 0;
	u32 at = base == 0 ? 0 : base == 0xc0000000 ? 0x800 : 0x1000;
	u32 n = msr - base;

	if (n >= 0x2000)
		return;
	memset((u8 *)vm->msr_bitmap + at + n / 4, 0, 1);
}
