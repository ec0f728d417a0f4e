/**
 * @file vpit.h
 * The virtual 8254 timer of a PC: three channels that count 1193182 pulses a second. OUT of channel
 * 0 is IRQ 0, channel 2 can be heard and has a gate, both at port 0x61. Pure.
 *
 * Nothing runs between two looks at it: what a channel would have done since the last one is worked
 * out from the time, in a few steps however long that was.
 */
#ifndef DEV_VPIT_H
#define DEV_VPIT_H

#include "lib/types.h"

#define VPIT_PORT	0x40	/* the three channels, then the control word */
#define VPIT_PORTS	4
#define VPIT_SPEAKER	0x61	/* one port */
#define VPIT_HZ		1193182

/** One channel. Counts are numbers below 65536, or below 10000 in BCD; 0 is that limit itself. */
struct vpit_channel {
	u64 pulses;		/**< how many it has got since time 0: the rest is as of then */
	u16 count;		/**< what the guest wrote last, the data sheet's CR */
	u16 loaded;		/**< what the counter started from */
	u16 counter;		/**< the data sheet's CE */
	u16 latch;		/**< the data sheet's OL: what is read while `latched` */
	u8 control;		/**< the lower six bits of its control word */
	u8 status;		/**< latched, for the next read, if `status_latched` */
	u8 low;			/**< the first byte of a count of two */
	bool written;		/**< a whole count has come since the control word */
	bool load;		/**< the next pulse loads the counter */
	bool null;		/**< `count` is not in the counter yet */
	bool counting;		/**< the counter has been loaded, and no half of a count stops it */
	bool strobe;		/**< modes 4 and 5: OUT has its low pulse still to come */
	bool out, gate;
	bool latched, status_latched;
	bool write_high, read_high;	/**< of two bytes, the second is next */
};

/** Any contents are safe that come from vpit_reset() and the functions below. */
struct vpit {
	/** Nanoseconds, which never go back. The VMM's, like `ctx`; a reset keeps both. */
	u64 (*now)(void *ctx);
	void *ctx;
	struct vpit_channel channel[3];
	u64 next;		/**< see vpit_next() */
	bool rose;		/**< OUT of channel 0, since the last vpit_tick() */
	u8 speaker;		/**< port 0x61 as it was written: its low four bits */
};

/** Power on: no channel counts before it has got a control word and a count. OUT is high. */
void vpit_reset(struct vpit *p);

/** bus_handler for the ports at VPIT_PORT; a wide access is one to each port in turn. */
void vpit_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

/**
 * bus_handler for port VPIT_SPEAKER: bit 0 is the gate of channel 2, bits 1 to 3 read as they were
 * written, bit 4 is another at each refresh of the memory (every 15 us), bit 5 is OUT of channel 2.
 */
void vpit_speaker_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

/**
 * When OUT of channel 0 rises, unless its ports are used before. Quick.
 * @return nanoseconds, perhaps in the past; UINT64_MAX: never
 */
static inline u64 vpit_next(const struct vpit *p)
{
	return p->next;
}

/** Has OUT of channel 0 risen since the last call, up to `now`? Quick before vpit_next(). */
bool vpit_tick(struct vpit *p, u64 now);

#endif
