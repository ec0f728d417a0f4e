/*
 * See clock.h. Intel 8254 data sheet, 231164, "Programming", "Counter Latch Command"; Motorola
 * MC146818A data sheet, "Time, Calendar, and Alarm Locations".
 */
#include "core/clock.h"

#include "core/console.h"
#include "lib/cpuid.h"
#include "x86/insn.h"

#define NS_PER_S	1000000000ull

/* ---- How fast the TSC counts ---------------------------------------------------------------- */

#define PIT_HZ		1193182
#define PIT_CHANNEL2	0x42
#define PIT_COMMAND	0x43
#define PIT_LATCH2	0x80
#define PIT_COUNT_DOWN	0xb0		/* channel 2, low byte then high byte, mode 0 */
#define PORT_B		0x61
#define PORT_B_GATE2	BIT(0)
#define PORT_B_SPEAKER	BIT(1)
#define PIT_10MS	11932
#define SPIN		50000		/* turns of a loop between two looks */
#define PATIENCE	10000		/* looks at a counter that stands still */

static u16 pit_count(void)
{
	u16 low;

	outb(PIT_COMMAND, PIT_LATCH2);
	low = inb(PIT_CHANNEL2);
	return (u16)(low | inb(PIT_CHANNEL2) << 8);
}

/* Against the 8254, which every emulator keeps in step. @return Hz; 0: there is no 8254 */
static u64 measure(void)
{
	u64 start;
	u16 first, gone = 0;

	outb(PORT_B, (u8)((inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2));
	outb(PIT_COMMAND, PIT_COUNT_DOWN);
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
	first = pit_count();
	start = rdtsc();
	for (u32 looks = 0; gone < PIT_10MS && looks < PATIENCE; looks++) {
		for (u32 i = 0; i < SPIN; i++)
			asm volatile("");
		gone = (u16)(first - pit_count());
	}
	return gone < PIT_10MS ? 0 : (rdtsc() - start) * PIT_HZ / gone;
}

/* What the CPU says of itself (SDM vol. 2, CPUID leaves 15H and 16H). @return Hz; 0: nothing */
static u64 nominal(void)
{
	u32 max = cpuid(0, 0).eax;
	struct cpuid_regs r = { .eax = 0 };

	if (max >= 0x15)
		r = cpuid(0x15, 0);
	if (r.eax && r.ebx && r.ecx)
		return (u64)r.ecx * r.ebx / r.eax;
	return max >= 0x16 ? (cpuid(0x16, 0).eax & 0xffff) * 1000000ull : 0;
}

static u64 tsc_hz(void)
{
	static u64 hz;

	if (!hz)
		hz = measure() ?: nominal();
	if (!hz) {
		printf("clock: nothing tells how fast the TSC counts; taken for 1 GHz\n");
		hz = NS_PER_S;
	}
	return hz;
}

/* a * b / c, with 128 bits in between; the result must fit in 64. */
static u64 scale(u64 a, u64 b, u64 c)
{
	u64 low, high;

	asm("mul %3" : "=a"(low), "=d"(high) : "a"(a), "r"(b) : "cc");
	asm("div %2" : "+a"(low), "+d"(high) : "r"(c) : "cc");
	return low;
}

u64 clock_now(void)
{
	return scale(rdtsc(), NS_PER_S, tsc_hz());
}

u64 clock_tsc(u64 ns)
{
	return ns < CLOCK_FOREVER ? scale(ns, tsc_hz(), NS_PER_S) : INT64_MAX;
}

/* ---- The real-time clock -------------------------------------------------------------------- */

#define RTC_INDEX	0x70
#define RTC_DATA	0x71
#define RTC_A		10
#define RTC_A_UIP	BIT(7)
#define RTC_B		11
#define RTC_B_BINARY	BIT(2)
#define RTC_B_24H	BIT(1)
#define HOUR_PM		0x80
#define RTC_CENTURY	0x32		/* on nearly every PC */

static u8 rtc_read(u8 reg)
{
	outb(RTC_INDEX, reg);
	return inb(RTC_DATA);
}

static u32 rtc_number(u8 value)
{
	return rtc_read(RTC_B) & RTC_B_BINARY ? value : (value >> 4) * 10u + (value & 15u);
}

static u32 rtc_hour(void)
{
	u8 value = rtc_read(4);
	u32 hour = rtc_number(value & (u8)~HOUR_PM);

	if (rtc_read(RTC_B) & RTC_B_24H)
		return hour;
	return hour % 12 + (value & HOUR_PM ? 12 : 0);
}

/* Days from 1970-01-01; years begin in March here, so that a leap day is a year's last. */
static u64 days(u32 year, u32 month, u32 day)
{
	u32 y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return y * 365ull + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

u64 clock_wall(void)
{
	u32 century;
	u64 at;

	for (u32 looks = 0; rtc_read(RTC_A) & RTC_A_UIP && looks < PATIENCE; looks++)
		pause();
	century = rtc_number(rtc_read(RTC_CENTURY));
	if (century < 19 || century > 21)
		century = 20;
	at = days(century * 100 + rtc_number(rtc_read(9)), rtc_number(rtc_read(8)),
		  rtc_number(rtc_read(7)));
	return at * 86400 + rtc_hour() * 3600ull + rtc_number(rtc_read(2)) * 60ull +
	       rtc_number(rtc_read(0));
}
