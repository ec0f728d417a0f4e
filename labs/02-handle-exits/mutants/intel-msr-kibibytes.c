/*
 * mutant: msr-kibibytes
 * exercise: 2.11
 * track: intel
 * hint: writes
 * why: reads and writes of one range are taken to lie side by side.
 */
static void vmx_msr_pass(struct vm *vm, u32 msr)
{
	u8 *read = vm->msr_bitmap, *write;
	u32 n = msr & 0x1fff;

	if (msr >> 30)
		read += 2048;
	write = read + 1024;
	read[n / 8] = (u8)(read[n / 8] & ~(1u << (n & 7)));
	write[n / 8] = (u8)(write[n / 8] & ~(1u << (n & 7)));
}
