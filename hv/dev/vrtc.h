/**
 * @file vrtc.h
 * The virtual MC146818A of a PC: a clock with an alarm, and 128 bytes of memory where firmware
 * would have left what it found. Pure.
 *
 * The time of day is that of a reset plus the VMM's nanoseconds. Left out: daylight saving, the
 * square wave, and dividers of the frequency for another crystal than a PC's.
 */
#ifndef DEV_VRTC_H
#define DEV_VRTC_H

#include "lib/types.h"

#define VRTC_PORT	0x70	/* index, data */
#define VRTC_PORTS	2

/** Any contents are safe that come from vrtc_reset() and the functions below. */
struct vrtc {
	/** Nanoseconds, which never go back. The VMM's, like `ctx`; a reset keeps both. */
	u64 (*now)(void *ctx);
	void *ctx;
	u8 cmos[128];		/**< the registers; those of the time are as of the last look */
	u8 index;
	u8 weekday;		/**< how far the guest's days of the week are from ours, 0 to 6 */
	u64 base;		/**< seconds from the calendar's start to the time 0 */
	u64 phase;		/**< nanoseconds by which the seconds end early, at most a second */
	u64 seen;		/**< up to when the flags in register C are set */
	u64 next;		/**< see vrtc_next() */
	bool fell;		/**< see vrtc_irq_fell() */
};

/**
 * Power on.
 * @param seconds  what the time of day is at nanosecond 0, since 1970; a guest sees UTC
 * @param memory   bytes of RAM from address 0 on, for those who ask the CMOS for it
 */
void vrtc_reset(struct vrtc *r, u64 seconds, u64 memory);

/** bus_handler for the ports at VRTC_PORT; a wide access is one to each port in turn. */
void vrtc_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

/** When IRQ 8 rises, unless the ports are used before. Nanoseconds; UINT64_MAX: never. Quick. */
static inline u64 vrtc_next(const struct vrtc *r)
{
	return r->next;
}

/** The level of IRQ 8 at `now`: up from an interrupt until register C is read. */
bool vrtc_irq(struct vrtc *r, u64 now);

/**
 * Has IRQ 8 been low for an instant since the last call, whatever it is now? An edge-triggered
 * interrupt controller must see that.
 */
static inline bool vrtc_irq_fell(struct vrtc *r)
{
	bool fell = r->fell;

	r->fell = false;
	return fell;
}

#endif
