/**
 * @file thread.h
 * Host threads. A vCPU runs in one, with a stack of its own; so may anything else that waits.
 * They take turns on a CPU, round robin, and give way only where they call in here.
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include "api.h"
#include "lib/list.h"
#include "lib/types.h"

#define THREAD_STACK_PAGES 4	/* 16 KiB */

struct thread {
	u64 rsp;		/**< while it is switched out; first: switch.S uses it */
	struct list_node link;	/**< in a CPU's ready queue */
	u8 *stack;		/**< lowest byte; a canary is kept there */
	void (*entry)(u64 arg);
	u64 arg;
	char name[HV_NAME_MAX];
	u64 wake;		/**< TSC at which thread_sleep() ends */
};

struct thread_list {
	struct list_node head;
};

/** Start a thread. @return -ENOMEM */
int thread_start(const char *name, void (*entry)(u64 arg), u64 arg);

/** Go to the end of the queue and let the others run. */
void thread_yield(void);

/** Let others run until TSC `until`, or a little longer. Not for the boot thread. */
void thread_sleep(u64 until);

/** Wait until every thread that was started has ended; only the boot thread may. */
void thread_wait_all(void);

#endif
