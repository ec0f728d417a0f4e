/*
 * mutant: requeue-entry-length
 * exercise: 2.12
 * track: intel
 * hint: length
 * why: the length is read from the field that the entry wants it in.
 */
static void vmx_requeue_event(struct vcpu *v)
{
	u32 info = (u32)vmread(IDT_VECTORING_INFO);
	struct hv_event e = { .valid = true, .vector = (u8)(info & 0xff) };

	e.type = (u8)(info >> 8 & 7);
	if (e.type > HV_EVENT_SOFT)
		e.type = HV_EVENT_SOFT;
	if (info & BIT(11)) {
		e.has_error = true;
		e.error = (u32)vmread(IDT_VECTORING_ERROR_CODE);
	}
	e.insn_len = (u8)vmread(VM_ENTRY_INSTRUCTION_LENGTH);
	v->reinject = e;
}
