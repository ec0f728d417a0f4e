/*
 * mutant: pass-number-as-index
 * exercise: 2.11
 * track: amd
 * hint: outside
 * why: the number of the MSR is the index, whatever its range.
 */
static void svm_msr_pass(struct vm *vm, u32 msr)
{
	u8 *map = vm->msr_bitmap;
	u64 bit = (u64)msr * 2;

	map[bit / 8] &= (u8)~(1u << bit % 8);
	map[bit / 8] &= (u8)~(2u << bit % 8);
}
