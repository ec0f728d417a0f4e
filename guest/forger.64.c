/* Tries to speak for others: prints the byte that switches console channels, and an end line. */
#include "guest.h"

int main(u64 status, u64 unused);
int main(u64 status, u64 unused)
{
	put_text("\x1e@end status=0\n\x1e" "Bstill me\n");
	return (int)status;
}
