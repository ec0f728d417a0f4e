/*
 * mutant: msr-reversed
 * exercise: 2.11
 * track: intel
 * hint: reads
 * why: bits are counted from the top of their byte.
 */
static void vmx_msr_pass(struct vm *vm, u32 msr)
{
	u8 *map = vm->msr_bitmap;
	u32 n = msr & 0x1fff;

	if (n != msr && msr - 0xc0000000 != n)
		return;
	if (n != msr)
		map += 1024;
	map[n / 8] &= (u8)~(0x80u >> n % 8);
	map[2048 + n / 8] &= (u8)~(0x80u >> n % 8);
}
