/**
 * @file walk_script.h
 * `walks=AT,COUNT` on the command line: translate addresses that a list in the first VM's memory
 * has, each as if the CPU were in the mode that the list says; show what comes of it, and end the
 * machine. No guest runs. A case of the list is a struct walk_case; AT is hexadecimal, COUNT
 * decimal.
 *
 * Case N, from 0, prints lines `see N.WHAT=0xVALUE`: N.result, what guest_translate_as() returned;
 * N.reads, how many entries were read; N.gpa if the result is 0; N.error if it is -EFAULT. A case
 * without `access` only shows what is in guest memory at `address`: N.entry, 8 bytes.
 */
#ifndef MM_WALK_SCRIPT_H
#define MM_WALK_SCRIPT_H

#include "core/vm.h"

/** One case, in guest memory. */
struct walk_case {
	u64 cr0, cr3, cr4, efer, rflags, cpl;
	u64 address;
	u64 access;		/**< see hv_gva_translate() */
};

/** Take what is behind `walks=`. @return false: it is not understood */
bool walk_script_set(const char *list);

/** The first VM has its memory: do what the list says, if there is one. */
void walk_script_run(struct vm *vm);

#endif
