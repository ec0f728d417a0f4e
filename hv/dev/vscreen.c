/* See vscreen.h. IBM VGA Technical Reference, "Registers"; FreeVGA has the same in one place. */
#include "dev/vscreen.h"

#include "dev/bus.h"

/* Offsets of the ports. Where two names share one, the first is for writing. */
enum {
	ATTRIBUTE = 0x00, ATTRIBUTE_READ = 0x01, MISC = 0x02, STATUS_0 = 0x02, SEQUENCER = 0x04,
	DAC_MASK = 0x06, DAC_READ = 0x07, DAC_STATE = 0x07, DAC_WRITE = 0x08, DAC_DATA = 0x09,
	FEATURE_READ = 0x0a, MISC_READ = 0x0c, GRAPHICS = 0x0e, CRTC = 0x14, FEATURE = 0x1a,
	STATUS_1 = 0x1a,
};

#define CRTC_START_HIGH	0x0c
#define CRTC_START_LOW	0x0d
#define STATUS_1_BLANK	0x01
#define STATUS_1_RETRACE 0x08
#define DAC_SIZE	(256 * 3)

/* The bank whose index is at this port, or whose value is at the next one. */
static struct vscreen_bank *bank_at(struct vscreen *s, u16 offset)
{
	switch (offset & ~1) {
	case SEQUENCER: return &s->sequencer;
	case GRAPHICS: return &s->graphics;
	case CRTC: return &s->crtc;
	default: return NULL;
	}
}

static u8 *value_of(struct vscreen_bank *bank)
{
	return &bank->value[bank->index % sizeof(bank->value)];
}

static u8 read_dac(struct vscreen *s)
{
	u8 v = s->dac[s->dac_read];

	s->dac_read = (s->dac_read + 1) % DAC_SIZE;
	return v;
}

/* Each look finds the other of the two states, so nobody waits long for either. */
static u8 read_status(struct vscreen *s)
{
	s->attribute_value = false;
	s->retrace = !s->retrace;
	return s->retrace ? STATUS_1_BLANK | STATUS_1_RETRACE : 0;
}

static u8 read_port(void *dev, u16 offset)
{
	struct vscreen *s = dev;
	struct vscreen_bank *bank = bank_at(s, offset);

	if (bank)
		return offset & 1 ? *value_of(bank) : bank->index;
	switch (offset) {
	case ATTRIBUTE: return s->attribute.index;
	case ATTRIBUTE_READ: return *value_of(&s->attribute);
	case STATUS_0: return 0;
	case DAC_MASK: return s->dac_mask;
	case DAC_STATE: return 0;
	case DAC_WRITE: return (u8)(s->dac_write / 3);
	case DAC_DATA: return read_dac(s);
	case FEATURE_READ: return s->feature;
	case MISC_READ: return s->misc;
	case STATUS_1: return read_status(s);
	default: return 0xff;
	}
}

/* Index and value take turns at one port. */
static void write_attribute(struct vscreen *s, u8 v)
{
	if (s->attribute_value)
		*value_of(&s->attribute) = v;
	else
		s->attribute.index = v;
	s->attribute_value = !s->attribute_value;
}

static void write_dac(struct vscreen *s, u8 v)
{
	s->dac[s->dac_write] = v & 0x3f;
	s->dac_write = (s->dac_write + 1) % DAC_SIZE;
}

static void write_port(void *dev, u16 offset, u8 v)
{
	struct vscreen *s = dev;
	struct vscreen_bank *bank = bank_at(s, offset);

	if (bank && offset & 1)
		*value_of(bank) = v;
	else if (bank)
		bank->index = v;
	switch (offset) {
	case ATTRIBUTE: write_attribute(s, v); break;
	case MISC: s->misc = v; break;
	case DAC_MASK: s->dac_mask = v; break;
	case DAC_READ: s->dac_read = v * 3; break;
	case DAC_WRITE: s->dac_write = v * 3; break;
	case DAC_DATA: write_dac(s, v); break;
	case FEATURE: s->feature = v; break;
	default: break;
	}
}

void vscreen_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes ports = { VSCREEN_PORTS, read_port, write_port };

	bus_bytes_access(&ports, dev, offset, size, in, value);
}

/* What the BIOS sets for mode 3, as far as it's asked for. */
void vscreen_reset(struct vscreen *s)
{
	static const u8 crtc[] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f,
				   0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28,
				   0x1f, 0x96, 0xb9, 0xa3, 0xff };
	static const u8 sequencer[] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
	static const u8 graphics[] = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff };

	*s = (struct vscreen){ .misc = 0x67, .dac_mask = 0xff };
	for (u32 i = 0; i < sizeof(crtc); i++)
		s->crtc.value[i] = crtc[i];
	for (u32 i = 0; i < sizeof(sequencer); i++)
		s->sequencer.value[i] = sequencer[i];
	for (u32 i = 0; i < sizeof(graphics); i++)
		s->graphics.value[i] = graphics[i];
}

u16 vscreen_start(const struct vscreen *s)
{
	u16 start = (u16)(s->crtc.value[CRTC_START_HIGH] << 8 | s->crtc.value[CRTC_START_LOW]);

	return start % (VSCREEN_SIZE / 2);
}

/* ---- Text ----------------------------------------------------------------------------------- */

/* Code page 437 is ASCII from 32 to 126. */
static char ascii(u8 c)
{
	static const char low[] = " ......*........><......^v><....";
	static const char high[] =
		"CueaaaaceeeiiiAAEaAooouuyOUcLYPf"
		"aiounNao?--..!<>###|++++++|+++++"
		"++++-++++++++-+++++++++++++#####"
		".s....u.........=.><../~.*..n2# ";

	if (c >= 128)
		return high[c - 128];
	if (c < 32)
		return low[c];
	if (c == 127)
		return '.';
	return (char)c;
}

/* How many columns of a row have something in them. */
static u32 length(const u16 *row)
{
	u32 n = VSCREEN_COLUMNS;

	while (n && ascii((u8)row[n - 1]) == ' ')
		n--;
	return n;
}

void vscreen_text(const u16 *cells, format_put put, void *ctx)
{
	u32 rows = VSCREEN_ROWS;

	while (rows && !length(cells + (u64)(rows - 1) * VSCREEN_COLUMNS))
		rows--;
	for (u32 i = 0; i < rows; i++) {
		const u16 *row = cells + (u64)i * VSCREEN_COLUMNS;
		u32 columns = length(row);

		for (u32 k = 0; k < columns; k++)
			put(ctx, ascii((u8)row[k]));
		put(ctx, '\n');
	}
}
