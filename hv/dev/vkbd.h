/**
 * @file vkbd.h
 * The virtual 8042 keyboard controller of a PC with a keyboard on which nobody types, and the two
 * other ports that reset a PC. Pure.
 *
 * A kernel that sets the keyboard up gets its answers. There is no mouse: what is sent to it times
 * out. Line A20 can be set and read back in both places, but memory does not wrap without it.
 */
#ifndef DEV_VKBD_H
#define DEV_VKBD_H

#include "lib/types.h"

#define VKBD_DATA	0x60	/* these are one port each */
#define VKBD_COMMAND	0x64
#define VKBD_FAST_A20	0x92	/* "port A" of a PS/2: A20 and a fast reset */
#define VKBD_RESET	0xcf9	/* reset control, as in Intel's chip sets */
#define VKBD_QUEUE	16	/* bytes */

/** Any contents are safe that come from vkbd_reset() and the functions below. */
struct vkbd {
	u16 queue[VKBD_QUEUE];	/**< for the guest: a byte, and status bits that go with it */
	u8 first, count;
	u8 config;		/**< the "command byte" */
	u8 ram[32];		/**< the controller's memory, behind `config` */
	u8 command;		/**< of the controller, whose byte is to come; 0: none */
	u8 keyboard;		/**< the same for the keyboard */
	u8 scancodes;		/**< the set that is chosen, 1 to 3 */
	u8 last;		/**< what the keyboard said last */
	u8 reset_control;	/**< port VKBD_RESET */
	bool commanded;		/**< the last write was to the command port */
	bool a20;
	bool reset;		/**< see vkbd_reset_wanted() */
	bool fell;		/**< see vkbd_irq_fell() */
};

/** As firmware leaves it: tested, A20 on, IRQ 1 enabled, scan codes translated to set 1. */
void vkbd_reset(struct vkbd *k);

/** bus_handlers; each is of the one port that has the same name. */
void vkbd_data_access(void *dev, u16 offset, u8 size, bool in, u32 *value);
void vkbd_command_access(void *dev, u16 offset, u8 size, bool in, u32 *value);
void vkbd_fast_a20_access(void *dev, u16 offset, u8 size, bool in, u32 *value);
void vkbd_reset_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

/** The level of IRQ 1: the guest wants interrupts, and a byte of the keyboard waits. */
bool vkbd_irq(const struct vkbd *k);

/**
 * Has IRQ 1 been low for an instant since the last call, whatever it is now? An edge-triggered
 * interrupt controller must see that.
 */
static inline bool vkbd_irq_fell(struct vkbd *k)
{
	bool fell = k->fell;

	k->fell = false;
	return fell;
}

/** Has the guest asked for a reset of the machine, in any of the four ways? */
static inline bool vkbd_reset_wanted(const struct vkbd *k)
{
	return k->reset;
}

#endif
