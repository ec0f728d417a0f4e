/* Says hello, and ends with the status that it was given. */
#include "guest.h"

int main(u64 status, u64 unused);
int main(u64 status, u64 unused)
{
	put_text("Hello from a virtual machine.\n");
	return (int)status;
}
