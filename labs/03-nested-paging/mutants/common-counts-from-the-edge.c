/*
 * mutant: counts-from-the-edge
 * exercise: 3.12
 * track: common
 * hint: false-alarm
 * why: It compares with another value than it has written.
 */
int main(u64 unused, u64 unused2)
{
	const u64 around = 16 * PAGE;

	for (u64 edge = LARGE; edge < LAST; edge += LARGE) {
		for (u64 at = edge - around; at < edge + around; at += PAGE) {
			for (u64 i = 0; i < WORDS; i++) {
				if (page_at(at)[i])
					return 1;
			}
			page_at(at)[0] = page_at(at)[WORDS - 1] = at;
		}
	}
	for (u64 edge = LARGE; edge < LAST; edge += LARGE) {
		for (u64 at = edge - around; at < edge + around; at += PAGE) {
			if (page_at(at)[0] != at - edge || page_at(at)[WORDS - 1] != at)
				return 2;
		}
	}
	page_at(LARGE)[1] = 0xc3;
	call(LARGE + sizeof(u64));
	page_at(LARGE + around)[0] = 0xc3;
	call(LARGE + around);
	return 0;
}
