/**
 * @file remedy.h
 * What a person can do about a machine that can not run virtual machines.
 */
#ifndef HVM_REMEDY_H
#define HVM_REMEDY_H

#include "lib/types.h"

/** What was found on the machine. */
struct remedy_case {
	bool amd;		/**< the back end is SVM, else VMX */
	bool locked;		/**< the extension is there, but firmware forbids it */
	/**
	 * The 12 characters of CPUID leaf 0x4000_0000, EBX, ECX, EDX, terminated; NULL: CPUID.1:ECX
	 * bit 31 is 0, so no hypervisor is below us
	 */
	const char *hypervisor;
};

/** Write reason and remedy, a sentence or two without a newline, into `buf` of `size` bytes. */
void remedy_text(char *buf, size_t size, const struct remedy_case *c);

#endif
