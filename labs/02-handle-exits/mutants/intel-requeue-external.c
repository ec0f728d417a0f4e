/*
 * mutant: requeue-external
 * exercise: 2.12
 * track: intel
 * hint: lost
 * why: only exceptions are kept, as if interrupts and NMIs came again by themselves.
 */
static void vmx_requeue_event(struct vcpu *v)
{
	u32 info = (u32)vmread(IDT_VECTORING_INFO);
	u8 type = (u8)EVENT_TYPE(info);

	if (type == HV_EVENT_INTR || type == HV_EVENT_NMI)
		return;
	v->reinject = (struct hv_event){
		.valid = true, .vector = (u8)info,
		.type = type == HV_EVENT_EXCEPTION ? HV_EVENT_EXCEPTION : HV_EVENT_SOFT,
		.has_error = info & EVENT_ERROR_CODE,
		.error = info & EVENT_ERROR_CODE ? (u32)vmread(IDT_VECTORING_ERROR_CODE) : 0,
		.insn_len = (u8)vmread(VM_EXIT_INSTRUCTION_LENGTH),
	};
}
