/*
 * mutant: assumes-features
 * exercise: 1.1
 * track: amd
 * hint: features
 * why: Every CPU of today has nested paging, so nobody asks.
 */
static int svm_probe(struct hvm_caps *caps, const char **why)
{
	u32 largest = cpuid(0x80000000, 0).eax;

	*why = "there is no SVM";
	if (largest < CPUID_SVM)
		return -ENODEV;
	if (!(cpuid(0x80000001, 0).ecx & CPUID_8000_0001_ECX_SVM))
		return -ENODEV;
	*why = "SVM is turned off in the firmware";
	if (hvm_firmware_read() & VM_CR_SVMDIS)
		return -EPERM;
	caps->asids = cpuid(CPUID_SVM, 0).ebx;
	caps->nested_paging = true;
	caps->next_rip = cpuid(CPUID_SVM, 0).edx & CPUID_SVM_NRIPS;
	caps->page_1g = true;
	return 0;
}
