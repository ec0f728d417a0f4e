/*
 * mutant: requeue-exception
 * exercise: 2.12
 * track: intel
 * hint: soft
 * why: INT3 goes back in as an exception, whose handler returns to it.
 */
static void vmx_requeue_event(struct vcpu *v)
{
	u64 info = vmread(IDT_VECTORING_INFO);
	struct hv_event *e = &v->reinject;

	e->valid = true;
	e->vector = info & 0xff;
	e->type = EVENT_TYPE(info) == 6 ? HV_EVENT_EXCEPTION : EVENT_TYPE(info);
	e->has_error = info >> 11 & 1;
	e->error = e->has_error ? (u32)vmread(IDT_VECTORING_ERROR_CODE) : 0;
	e->insn_len = (u8)vmread(VM_EXIT_INSTRUCTION_LENGTH);
}
