/* See thread.h. */
#include "core/thread.h"

#include "core/cpu.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/pmm.h"
#include "x86/apic.h"
#include "x86/insn.h"

/* How long a thread may stay when others wait: 1,000,000 TSC ticks, about 0.3 ms at 3 GHz. */
#define SLICE_TICKS 1000000

#define CANARY 0x6e6573746c696e67ull

/* switch.S: save the callee-saved registers on this stack, go on with the other. */
void thread_switch(u64 *save_rsp, u64 rsp);
/* switch.S: where a new thread's stack returns to. */
void thread_begin(void);

static u32 alive;		/* threads that were started and have not ended */
static struct thread *ended;	/* the last one to end; its stack is freed by the next to run */

static void reap(void)
{
	struct thread *t = ended;

	if (!t)
		return;
	ended = NULL;
	pmm_free(t->stack, THREAD_STACK_PAGES);
	page_free(t);
}

static void switch_to(struct thread *next)
{
	struct cpu *cpu = this_cpu();
	struct thread *prev = cpu->current;

	if (prev->stack && *(u64 *)prev->stack != CANARY)
		panic("stack overflow in thread %s", prev->name);
	cpu->current = next;
	cpu->slice_end = rdtsc() + SLICE_TICKS;
	if (next == prev)
		return;
	thread_switch(&prev->rsp, next->rsp);
	reap();
}

/*
 * Sleepers whose time has come are ready. @return TSC ticks until the next one's; UINT64_MAX: none
 */
static u64 wake(struct cpu *cpu)
{
	struct list_node *head = &cpu->sleeping.head, *n = head->next, *next;
	u64 now = rdtsc(), first = UINT64_MAX;

	for (; n != head; n = next) {
		struct thread *t = container_of(n, struct thread, link);

		next = n->next;
		if ((s64)(now - t->wake) >= 0) {
			list_remove(n);
			list_add_tail(&cpu->ready.head, n);
		} else if (t->wake - now < first) {
			first = t->wake - now;
		}
	}
	return first;
}

static struct thread *pick(struct cpu *cpu)
{
	wake(cpu);
	if (list_empty(&cpu->ready.head))
		return &cpu->idle;
	return container_of(list_take_first(&cpu->ready.head), struct thread, link);
}

/* The first code of every thread; thread_begin calls it. */
void thread_main(void);
void thread_main(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *self = cpu->current;

	reap();
	self->entry(self->arg);

	cpu = this_cpu();
	alive--;
	ended = self;
	switch_to(pick(cpu));
	panic("thread %s runs after its end", self->name);
}

int thread_start(const char *name, void (*entry)(u64 arg), u64 arg)
{
	struct thread *t = page_alloc();
	u8 *stack = pmm_alloc(THREAD_STACK_PAGES, PAGE_SIZE);
	u64 *top;

	if (!t || !stack) {
		if (t)
			page_free(t);
		if (stack)
			pmm_free(stack, THREAD_STACK_PAGES);
		return -ENOMEM;
	}
	*(u64 *)stack = CANARY;
	/* thread_switch() will pop six registers and a return address; RSP is then 16-aligned. */
	top = (u64 *)(stack + THREAD_STACK_PAGES * PAGE_SIZE) - 8;
	top[6] = (u64)thread_begin;
	*t = (struct thread){ .rsp = (u64)top, .stack = stack, .entry = entry, .arg = arg };
	strlcpy(t->name, name, sizeof(t->name));
	alive++;
	list_add_tail(&this_cpu()->ready.head, &t->link);
	return 0;
}

void thread_yield(void)
{
	struct cpu *cpu = this_cpu();

	if (cpu->current != &cpu->idle)
		list_add_tail(&cpu->ready.head, &cpu->current->link);
	switch_to(pick(cpu));
}

void thread_sleep(u64 until)
{
	struct cpu *cpu = this_cpu();

	cpu->current->wake = until;
	list_add_tail(&cpu->sleeping.head, &cpu->current->link);
	switch_to(pick(cpu));
}

/* Nobody is ready: wait for an interrupt; the timer's, when a sleeper's time comes. */
static void idle(struct cpu *cpu)
{
	u64 left = wake(cpu);

	if (!list_empty(&cpu->ready.head))
		return;
	if (left < apic_timer_left())
		apic_timer_shorten(left);
	irq_wait();
}

void thread_wait_all(void)
{
	while (alive) {
		thread_yield();
		if (alive && list_empty(&this_cpu()->ready.head))
			idle(this_cpu());
	}
}
