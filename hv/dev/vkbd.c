/*
 * See vkbd.h. IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller" and "Keyboards": commands have the names that they have there. Port 0xcf9: Intel
 * 82371AB (PIIX4) data sheet, 290562.
 */
#include "dev/vkbd.h"

#include "dev/bus.h"

#define STATUS_OUTPUT	0x01	/* a byte waits for the guest */
#define STATUS_SYSTEM	0x04	/* as in the command byte */
#define STATUS_COMMAND	0x08
#define STATUS_UNLOCKED	0x10
#define STATUS_AUX	0x20	/* it's the mouse's */
#define STATUS_TIMEOUT	0x40
/* In the queue, the upper byte has such bits. */
#define FROM_MOUSE	(STATUS_AUX << 8)
#define NO_MOUSE	((STATUS_AUX | STATUS_TIMEOUT) << 8 | RESEND)

#define CONFIG_IRQ	0x01
#define CONFIG_SYSTEM	0x04
#define CONFIG_DISABLE	0x10
#define CONFIG_NO_MOUSE	0x20
#define CONFIG_SET_1	0x40	/* translate from set 2 */
#define CONFIG_RESET	(CONFIG_IRQ | CONFIG_SYSTEM | CONFIG_NO_MOUSE | CONFIG_SET_1)

/* Commands of the controller. */
#define READ_RAM	0x20	/* to 0x3f; the first is the command byte */
#define WRITE_RAM	0x60	/* to 0x7f */
#define MOUSE_OFF	0xa7
#define MOUSE_ON	0xa8
#define MOUSE_TEST	0xa9
#define SELF_TEST	0xaa
#define KEYBOARD_TEST	0xab
#define KEYBOARD_OFF	0xad
#define KEYBOARD_ON	0xae
#define READ_INPUT	0xc0
#define READ_OUTPUT	0xd0
#define WRITE_OUTPUT	0xd1
#define AS_KEYBOARD	0xd2	/* the byte comes back as if it were the keyboard's */
#define AS_MOUSE	0xd3
#define TO_MOUSE	0xd4
#define A20_OFF		0xdd
#define A20_ON		0xdf
#define READ_TEST	0xe0
#define PULSE		0xf0	/* to 0xff: output lines whose bits are 0 */
#define SELF_TEST_OK	0x55
#define INPUT_UNLOCKED	0x80

/* The output port. */
#define OUTPUT_RUN	0x01	/* 0: reset */
#define OUTPUT_A20	0x02
#define OUTPUT_FULL	0x10
#define OUTPUT_IDLE	0xc0	/* lines to the keyboard */

/* Commands of the keyboard, and what it says. */
#define SET_LEDS	0xed
#define ECHO		0xee
#define SCANCODES	0xf0
#define IDENTIFY	0xf2
#define SET_RATE	0xf3
#define REPEAT_LAST	0xfe
#define KEYBOARD_RESET	0xff
#define ACK		0xfa
#define RESEND		0xfe
#define TEST_PASSED	0xaa

#define FAST_RESET	0x01
#define FAST_A20	0x02
#define CONTROL_RESET	0x04
#define CONTROL_WRITE	0x0e

/* ---- What waits for the guest --------------------------------------------------------------- */

/* A guest that never reads gets no more than there is room for. */
static void put(struct vkbd *k, u16 entry)
{
	if (k->count < VKBD_QUEUE)
		k->queue[(k->first + k->count++) % VKBD_QUEUE] = entry;
}

static void say(struct vkbd *k, u8 v)
{
	k->last = v;
	put(k, v);
}

bool vkbd_irq(const struct vkbd *k)
{
	return k->config & CONFIG_IRQ && k->count && !(k->queue[k->first] & FROM_MOUSE);
}

/* With nothing new, the last byte stays. IRQ 1 falls before the next one is there. */
static u8 read_data(void *dev, u16 offset)
{
	struct vkbd *k = dev;
	u8 v = (u8)k->queue[k->first];

	if (k->count > 1)
		k->first = (k->first + 1) % VKBD_QUEUE;
	if (k->count) {
		k->count--;
		k->fell = true;
	}
	return v;
}

static u8 read_status(void *dev, u16 offset)
{
	const struct vkbd *k = dev;
	u8 v = STATUS_UNLOCKED | (k->config & STATUS_SYSTEM);

	if (k->count)
		v |= STATUS_OUTPUT | k->queue[k->first] >> 8;
	return v | (k->commanded ? STATUS_COMMAND : 0);
}

/* ---- The keyboard --------------------------------------------------------------------------- */

/* The byte that belongs to a command. */
static void keyboard_argument(struct vkbd *k, u8 v)
{
	static const u8 translated[] = { 0x43, 0x41, 0x3f };

	say(k, ACK);
	if (k->keyboard == SCANCODES && v >= 1 && v <= 3)
		k->scancodes = v;
	if (k->keyboard == SCANCODES && !v)
		say(k, k->config & CONFIG_SET_1 ? translated[k->scancodes - 1] : k->scancodes);
	k->keyboard = 0;
}

static bool unknown(u8 v)
{
	return v < SET_LEDS || v == 0xef || v == 0xf1;
}

static void keyboard_command(struct vkbd *k, u8 v)
{
	k->keyboard = v == SET_LEDS || v == SCANCODES || v == SET_RATE ? v : 0;
	if (v == REPEAT_LAST)
		put(k, k->last);
	else
		say(k, v == ECHO ? ECHO : unknown(v) ? RESEND : ACK);
	if (v == IDENTIFY) {
		say(k, 0xab);
		say(k, k->config & CONFIG_SET_1 ? 0x41 : 0x83);
	}
	if (v == KEYBOARD_RESET) {
		k->scancodes = 2;
		say(k, TEST_PASSED);
	}
}

/* ---- The controller ------------------------------------------------------------------------- */

static void write_output(struct vkbd *k, u8 v)
{
	k->a20 = v & OUTPUT_A20;
	k->reset |= !(v & OUTPUT_RUN);
}

static void write_ram(struct vkbd *k, u8 at, u8 v)
{
	if (at)
		k->ram[at] = v;
	else
		k->config = v;
}

/* Those whose byte is here now. */
static void controller_argument(struct vkbd *k, u8 v)
{
	u8 command = k->command;

	k->command = 0;
	switch (command) {
	case WRITE_OUTPUT:	write_output(k, v); break;
	case AS_KEYBOARD:	put(k, v); break;
	case AS_MOUSE:		put(k, FROM_MOUSE | v); break;
	case TO_MOUSE:		put(k, NO_MOUSE); break;
	default:		write_ram(k, command - WRITE_RAM, v);
	}
}

static void write_data(void *dev, u16 offset, u8 v)
{
	struct vkbd *k = dev;

	k->commanded = false;
	if (k->command) {
		controller_argument(k, v);
		return;
	}
	k->config &= ~CONFIG_DISABLE;
	if (k->keyboard && v < SET_LEDS)
		keyboard_argument(k, v);
	else
		keyboard_command(k, v);
}

static u8 output_port(const struct vkbd *k)
{
	return OUTPUT_IDLE | OUTPUT_RUN | (k->a20 ? OUTPUT_A20 : 0) | (k->count ? OUTPUT_FULL : 0);
}

static void self_test(struct vkbd *k)
{
	k->count = 0;
	k->config |= CONFIG_SYSTEM;
	put(k, SELF_TEST_OK);
}

/* Commands that want a byte are kept until it comes. What we don't know does nothing. */
static void write_command(void *dev, u16 offset, u8 v)
{
	struct vkbd *k = dev;
	bool wants_byte = (v >= WRITE_RAM && v < WRITE_RAM + 32) || (v >= WRITE_OUTPUT &&
			  v <= TO_MOUSE);

	k->commanded = true;
	k->command = wants_byte ? v : 0;
	if (v >= READ_RAM && v < READ_RAM + 32)
		put(k, v == READ_RAM ? k->config : k->ram[v - READ_RAM]);
	if (v >= PULSE)
		k->reset |= !(v & OUTPUT_RUN);
	switch (v) {
	case MOUSE_OFF:		k->config |= CONFIG_NO_MOUSE; break;
	case MOUSE_ON:		k->config &= ~CONFIG_NO_MOUSE; break;
	case SELF_TEST:		self_test(k); break;
	case KEYBOARD_TEST:
	case MOUSE_TEST:	put(k, 0); break;	/* no line is stuck */
	case KEYBOARD_OFF:	k->config |= CONFIG_DISABLE; break;
	case KEYBOARD_ON:	k->config &= ~CONFIG_DISABLE; break;
	case READ_INPUT:	put(k, INPUT_UNLOCKED); break;
	case READ_OUTPUT:	put(k, output_port(k)); break;
	case READ_TEST:		put(k, 0); break;
	case A20_OFF:		k->a20 = false; break;
	case A20_ON:		k->a20 = true; break;
	default:		break;
	}
}

/* ---- The other ports ------------------------------------------------------------------------ */

static u8 read_fast(void *dev, u16 offset)
{
	const struct vkbd *k = dev;

	return k->a20 ? FAST_A20 : 0;
}

static void write_fast(void *dev, u16 offset, u8 v)
{
	struct vkbd *k = dev;

	k->a20 = v & FAST_A20;
	k->reset |= v & FAST_RESET;
}

static u8 read_control(void *dev, u16 offset)
{
	const struct vkbd *k = dev;

	return k->reset_control;
}

/* The reset comes when its bit rises; the one below it says how far it goes. */
static void write_control(void *dev, u16 offset, u8 v)
{
	struct vkbd *k = dev;

	k->reset |= v & ~k->reset_control & CONTROL_RESET;
	k->reset_control = v & CONTROL_WRITE;
}

void vkbd_data_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes port = { 1, read_data, write_data };

	bus_bytes_access(&port, dev, offset, size, in, value);
}

void vkbd_command_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes port = { 1, read_status, write_command };

	bus_bytes_access(&port, dev, offset, size, in, value);
}

void vkbd_fast_a20_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes port = { 1, read_fast, write_fast };

	bus_bytes_access(&port, dev, offset, size, in, value);
}

void vkbd_reset_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes port = { 1, read_control, write_control };

	bus_bytes_access(&port, dev, offset, size, in, value);
}

void vkbd_reset(struct vkbd *k)
{
	*k = (struct vkbd){ .config = CONFIG_RESET, .scancodes = 2, .a20 = true };
}
