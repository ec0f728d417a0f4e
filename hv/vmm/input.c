/*
 * See vmm.h. One person types, and one VM at a time gets it: the first that still runs, until
 * Ctrl-A and a letter choose another (a is the first of the VM file). Ctrl-A twice is a Ctrl-A for
 * the VM.
 */
#include "vmm/vmm.h"

#define CTRL_A 1

static struct vmm_vm *chosen;
static bool command;		/* the last character was a Ctrl-A */

/* @return is `c` for us, and not for the VM? */
static bool is_ours(char c)
{
	struct vmm_vm *other;

	if (!command) {
		command = c == CTRL_A;
		return command;
	}
	command = false;
	if (c == CTRL_A)
		return false;
	other = vmm_running((u32)(c - 'a'));
	if (other) {
		chosen = other;
		vmm_printf("input goes to vm %s\n", other->config->name);
	}
	return true;
}

/* To the console that the VM's kernel uses, virtio's or the serial port. */
static bool has_room(const struct vmm_vm *vm)
{
	return virtio_listens(vm) ? virtio_room(vm) : vuart_room(&vm->uart);
}

static void give(struct vmm_vm *vm, char c)
{
	if (virtio_listens(vm))
		virtio_type(vm, c);
	else
		vuart_receive(&vm->uart, (u8)c);
}

void input_poll(struct vmm_vm *vm)
{
	char c;

	if (!chosen || chosen->ended)
		chosen = vm;
	while (chosen == vm && has_room(vm) && hv_console_read(&c, 1) == 1) {
		if (!is_ours(c))
			give(vm, c);
	}
}
