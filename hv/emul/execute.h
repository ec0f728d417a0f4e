/**
 * @file execute.h
 * Executes a decoded instruction on a copy of a vCPU's registers; memory and ports are reached
 * through functions of the caller. Pure.
 *
 * The CPU has checked segment limits, privilege and alignment before the access exited, so they are
 * not checked again. The trap of RFLAGS.TF, RFLAGS.RF and the interrupt shadow are the caller's,
 * too.
 *
 * A locked instruction, and XCHG with memory, which is always locked, is a read and then a write:
 * if others can reach that memory meanwhile, the caller keeps them out around insn_execute().
 */
#ifndef EMUL_EXECUTE_H
#define EMUL_EXECUTE_H

#include "emul/insn.h"

#define EMUL_BATCH 64		/* iterations of a REP in one call */

/**
 * A vCPU for one instruction. The functions get `ctx`. They return 0, or anything else to give the
 * instruction up: insn_execute() returns just that, so it may stand for an exception to inject.
 *
 * An access to memory is at a linear address, has 1 to 8 bytes and never crosses a page: the parts
 * of an operand that does come one after the other. Values are in the low bytes, the rest is 0.
 */
struct emul {
	u64 gpr[HV_GPRS];		/**< by enum hv_gpr */
	u64 rip, rflags;
	u64 base[HV_GS + 1];		/**< of the segments, by enum hv_seg; in 64-bit code only
					     those of FS and GS are used */
	void *ctx;

	/** Read memory: sets `value`. */
	int (*read)(void *ctx, u64 linear, u32 size, u64 *value);

	/** Write memory. On an error nothing is written. */
	int (*write)(void *ctx, u64 linear, u32 size, u64 value);

	/**
	 * Would such a write succeed? If so, it must when it comes. Asked before an operand is read
	 * that is written after, before the two parts of an operand in two pages are written, and
	 * before INS takes from its port, which has no way back.
	 */
	int (*check)(void *ctx, u64 linear, u32 size);

	/** Read or write a port, 1, 2 or 4 bytes. */
	int (*in)(void *ctx, u16 port, u32 size, u64 *value);
	int (*out)(void *ctx, u16 port, u32 size, u64 value);
};

/**
 * Execute `insn`, which is at `e->rip`. Every byte of an operand is read once. Nothing is written
 * before all is read, and no register changes before all is written. Flags that the manuals call
 * undefined are what most CPUs make them: AF is 0 after AND, OR, XOR and TEST; BT and its like
 * leave all but CF alone.
 *
 * A REP stops after EMUL_BATCH iterations, so that a guest can't keep us here, and with RFLAGS.TF
 * after one: RIP stays where it is, the registers say what is left, and to run the guest again
 * continues it. After an error they
 * count the iterations before the one that failed.
 * @return 0; -ENOSYS: we only know its length; else what a function of `e` returned
 */
int insn_execute(const struct insn *insn, struct emul *e);

#endif
