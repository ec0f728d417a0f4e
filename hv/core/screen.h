/**
 * @file screen.h
 * The console on the machine's own screen, for a PC without a serial port: VGA text mode, or a
 * framebuffer and a font, if the boot loader set one up. The word `screen` on the command line
 * turns it on.
 *
 * A VM's lines begin with its name and have its colour. A line that is not complete when another
 * channel writes goes on where it is.
 */
#ifndef CORE_SCREEN_H
#define CORE_SCREEN_H

#include "lib/types.h"

/** Is there a screen to write to? */
extern bool screen_on;

/**
 * Take the screen over and clear it. The boot loader's information must have been read. With a
 * framebuffer but no boot module "console.psf" there is no screen.
 */
void screen_init(void);

/** To be called behind paging_init(): the new page tables get the framebuffer. */
void screen_map(void);

/** The name with which the lines of a channel begin from now on; it is copied. */
void screen_name(u32 channel, const char *name);

/** Write to a channel, as console_write() does. Only while screen_on. */
void screen_write(u32 channel, const char *text, size_t size);

#endif
