# Nestling. `make help` lists what you can do.

BUILD  ?= build
CC     ?= gcc
PYTHON ?= /usr/bin/python3
UBSAN  ?= 1
V      ?= 0

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(V),0)
Q := @
say = @echo '  $(1)'
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

export PYTHONPATH := $(CURDIR)/grader
export PYTHONDONTWRITEBYTECODE := 1
export PYTHON BUILD

# ---- Flags ---------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef \
	-Wpointer-arith -Wvla -Wwrite-strings -Wno-unused-parameter
# Null pointers are not checked for: the lower half of the address space is empty.
SANITIZE := shift,integer-divide-by-zero,unreachable,return,signed-integer-overflow,bounds

HV_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -mno-red-zone -mgeneral-regs-only \
	-mcmodel=kernel -fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -fcf-protection=none $(WARN) -Ihv \
	-ffile-prefix-map=$(CURDIR)/=
ifneq ($(UBSAN),0)
HV_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
endif
GUEST_CFLAGS := -std=gnu11 -O1 -g -ffreestanding -fno-pic -mgeneral-regs-only -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none $(WARN) -Iguest/lib -Ihv
LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments

# Objects depend on a stamp of the flags, so that a change of them builds everything anew.
FLAGS := $(BUILD)/.flags
FLAGS_NOW := $(CC) $(HV_CFLAGS) $(GUEST_CFLAGS) $(LDFLAGS)
$(shell mkdir -p $(BUILD); echo '$(FLAGS_NOW)' | cmp -s - $(FLAGS) || echo '$(FLAGS_NOW)' > $(FLAGS))

# ---- The hypervisor ------------------------------------------------------------------------------

# Outside the core: these see only api.h of it, and `make check` proves so.
OUTSIDE_SRC := $(sort $(wildcard hv/emul/*.c hv/dev/*.c hv/load/*.c hv/vmm/*.c hv/lib/*.c))
CORE_SRC := $(sort $(wildcard hv/core/*.[cS] hv/hvm/*.[cS] hv/mm/*.c hv/x86/*.[cS])) \
	hv/boot/head.S hv/boot/main.c hv/boot/multiboot.c
objects = $(patsubst %,$(BUILD)/%.o,$(1))
OUTSIDE_OBJ := $(call objects,$(OUTSIDE_SRC))
HV_OBJ := $(call objects,$(CORE_SRC)) $(OUTSIDE_OBJ)

all: $(BUILD)/hv32.elf $(BUILD)/hv.bin $(BUILD)/boot/bootsect.bin guests ## build hypervisor and guests

$(BUILD)/hv/%.o: hv/% $(FLAGS)
	$(call say,CC    $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/hv.elf: $(HV_OBJ) hv/boot/hv.ld
	$(call say,LD    $@)
	$(Q)$(CC) $(LDFLAGS) -Wl,-T,hv/boot/hv.ld $(HV_OBJ) -o $@

$(BUILD)/hv32.elf: $(BUILD)/hv.elf
	$(Q)objcopy -O elf32-i386 $< $@

$(BUILD)/hv.bin: $(BUILD)/hv.elf
	$(Q)objcopy -O binary $< $@

# ---- The boot sector of the flat image -----------------------------------------------------------

BOOT_OBJ := $(BUILD)/boot/bootsect.o $(BUILD)/boot/loader.o

$(BUILD)/boot/%.o: hv/boot/%.S hv/boot/image.h $(FLAGS)
	$(call say,AS    $<)
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -ffreestanding -fno-pic -Ihv -c $< -o $@

$(BUILD)/boot/bootsect.bin: $(BOOT_OBJ) hv/boot/bootsect.ld
	$(call say,LD    $@)
	$(Q)ld -m elf_i386 -T hv/boot/bootsect.ld $(BOOT_OBJ) -o $@

# ---- Guests --------------------------------------------------------------------------------------
# NAME.16.S runs in real mode, NAME.32.[cS] in protected, NAME.64.[cS] in long mode.

GUEST_SRC := $(sort $(wildcard guest/*.S guest/*.c))
GUESTS := $(sort $(foreach s,$(GUEST_SRC),$(BUILD)/guest/$(basename $(notdir $(s))).elf))

guests: $(GUESTS)

guest_bits = $(if $(findstring .64,$(1)),64,32)

.SECONDEXPANSION:
$(GUESTS): $(BUILD)/guest/%.elf: $$(wildcard guest/$$*.S guest/$$*.c) $$(wildcard guest/lib/*) \
		hv/hypercall.h $(FLAGS)
	$(call say,GUEST $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -m$(call guest_bits,$*) $(LDFLAGS) -Wl,-T,guest/lib/guest.ld \
		$(filter guest/$*.S guest/$*.c,$^) $(if $(filter guest/%.c,$^),guest/lib/start$(call guest_bits,$*).S) \
		-o $@

# ---- Everything else -----------------------------------------------------------------------------

clean: ## remove what was built
	$(Q)rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

.PHONY: all guests clean help

-include $(HV_OBJ:.o=.d)
