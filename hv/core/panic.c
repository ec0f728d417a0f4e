/* See panic.h. */
#include "core/panic.h"

#include "api.h"
#include "core/console.h"
#include "core/screen.h"
#include "lib/lab.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/pmm.h"
#include "x86/insn.h"
#include "x86/trap.h"

#define QEMU_EXIT_PORT	0xf4	/* isa-debug-exit: QEMU ends with 2 * value + 1 */
#define QEMU_EXIT_VALUE	0x10
#define BOCHS_EXIT_PORT	0x8900	/* Bochs ends after the word "Shutdown" */

/* 8042 keyboard controller, and the reset control of chipsets since the PIIX. */
#define KBD_DATA	0x60
#define KBD_STATUS	0x64
#define KBD_FULL	BIT(0)		/* there is a byte to read... */
#define KBD_MOUSE	BIT(5)		/* ...from the mouse */
#define KBD_RELEASE	0x80		/* in the byte: the key was let go */
#define KBD_RESET	0xfe		/* command: pulse the reset line */
#define RESET_PORT	0xcf9
#define RESET_HARD	0x06

static char end_by[8];

void machine_end_by(const char *how)
{
	strlcpy(end_by, how, sizeof(end_by));
}

/* The last words to somebody who sits in front of the machine. */
static void restart_at_key(void)
{
	static const char text[] = "\nPress a key to restart, or switch the computer off.\n";
	u8 status = 0, key = KBD_RELEASE;

	screen_write(0, text, sizeof(text) - 1);
	while (inb(KBD_STATUS) == 0xff)		/* there is none: all ones */
		pause();
	while (key & KBD_RELEASE || status & KBD_MOUSE) {
		status = inb(KBD_STATUS);
		if (status & KBD_FULL)
			key = inb(KBD_DATA);
		pause();
	}
	outb(KBD_STATUS, KBD_RESET);
	outb(RESET_PORT, RESET_HARD);
}

void machine_end(unsigned int status)
{
	printf("end status=%u\n", status);
	console_flush();
	if (!strcmp(end_by, "qemu"))
		outb(QEMU_EXIT_PORT, QEMU_EXIT_VALUE);
	if (!strcmp(end_by, "bochs")) {
		for (const char *s = "Shutdown"; *s; s++)
			outb(BOCHS_EXIT_PORT, (u8)*s);
	}
	if (screen_on)
		restart_at_key();
	for (;;)
		irq_wait();
}

static bool in_image(u64 address)
{
	extern const u8 image_start[], image_end[];

	return address >= (u64)image_start && address < (u64)image_end;
}

static bool readable(u64 frame)
{
	return frame % 8 == 0 && (in_image(frame) || (frame >= DIRECT_MAP &&
						      frame < DIRECT_MAP + pmm_top() - 16));
}

/* Follow the frame pointers: each frame has the caller's RBP, then the return address. */
static void backtrace(u64 rbp)
{
	for (int depth = 0; depth < 32 && readable(rbp); depth++) {
		const u64 *frame = (const u64 *)rbp;

		if (!in_image(frame[1]))
			break;
		printf("  at 0x%lx\n", frame[1] - 1);	/* within the call */
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
}

static void panic_begin(const char *fmt, va_list ap)
{
	static bool panicking;
	char text[256];

	cli();
	if (panicking)			/* while panicking */
		machine_end(STATUS_FAILED);
	panicking = true;
	vsnprintf(text, sizeof(text), fmt, ap);
	printf("panic: %s\n", text);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	panic_begin(fmt, ap);
	va_end(ap);
	backtrace((u64)__builtin_frame_address(0));
	machine_end(STATUS_FAILED);
}

void panic_at(const struct trap_frame *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	panic_begin(fmt, ap);
	va_end(ap);
	printf("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	printf("  rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	printf("  r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	printf("  r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
	printf("  at 0x%lx\n", f->rip);
	backtrace(f->rbp);
	machine_end(STATUS_FAILED);
}

void hv_fatal(const char *message)
{
	panic("%s", message);
}

void lab_todo(const char *id, const char *function, const char *handout)
{
	printf("todo %s %s %s\n", id, function, handout);
	printf("exercise %s (%s) is yours: %s\n", id, function, handout);
	machine_end(STATUS_FAILED);
}
