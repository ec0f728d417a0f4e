/*
 * mutant: believes-the-leaf
 * exercise: 1.1
 * track: amd
 * hint: absent
 * why: That the CPU knows the leaf of SVM is taken for SVM itself.
 */
static int svm_probe(struct hvm_caps *caps, const char **why)
{
	struct cpuid_regs svm, extended = cpuid(0x80000001, 0);

	if (cpuid(0x80000000, 0).eax < CPUID_SVM) {
		*why = "this CPU is older than SVM";
		return -ENODEV;
	}
	if (hvm_firmware_read() & VM_CR_SVMDIS) {
		*why = "the firmware says no";
		return -EPERM;
	}
	svm = cpuid(CPUID_SVM, 0);
	caps->asids = svm.ebx;
	caps->nested_paging = svm.edx >> 0 & 1;
	caps->next_rip = svm.edx >> 3 & 1;
	caps->page_1g = extended.edx >> 26 & 1;
	return 0;
}
