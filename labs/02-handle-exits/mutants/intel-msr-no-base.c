/*
 * mutant: msr-no-base
 * exercise: 2.11
 * track: intel
 * hint: outside
 * why: the number of the MSR itself is the index, in the second range too.
 */
static void vmx_msr_pass(struct vm *vm, u32 msr)
{
	u8 *map = vm->msr_bitmap;
	u64 at = msr >= 0xc0000000 ? 1024 : 0;

	map[at + msr / 8] &= (u8)~(1u << msr % 8);
	map[at + 2048 + msr / 8] &= (u8)~(1u << msr % 8);
}
