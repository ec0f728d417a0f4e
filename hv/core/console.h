/**
 * @file console.h
 * The console, shared by the hypervisor and its VMs: the first serial port, if the machine has one
 * that works, and the screen, if it is on (screen.h).
 *
 * Each has a channel. On the serial line the byte 0x1e (RS) and '@' + channel come before text of
 * another channel than the last, so that a reader can take them apart again; a guest's own 0x1e is
 * dropped.
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include "lib/types.h"

/** Set up the first serial port, if there is one: 115200 baud, 8 bits, no parity. */
void console_init(void);

/** Write bytes to a channel: 0 is the hypervisor's, 1 to HV_MAX_VMS are the VMs'. */
void console_write(u32 channel, const char *text, size_t size);

/** See hv_console_read(); nobody types unless console_listen() was called. */
int console_read(char *text, u32 size);
/** Somebody is there who types. */
void console_listen(void);

/** Wait until the last byte has left. */
void console_flush(void);

/** printf() to the hypervisor's channel. */
void printf(const char *fmt, ...) __printf(1, 2);

#endif
