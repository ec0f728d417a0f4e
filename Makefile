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
$(if $(word 2,$(CURDIR)),$(error make can not work in a folder with blanks in its name: $(CURDIR)))
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
	-fno-asynchronous-unwind-tables -fcf-protection=none $(WARN) -Iguest/lib -Ihv \
	-Wno-interrupt-service-routine	# clang's; our handlers save all that they use
HOST_CFLAGS := -std=gnu11 -O1 -g -fno-builtin $(WARN) -include grader/unit/host.h -Ihv
LDFLAGS := -nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,--fatal-warnings

# Objects depend on a stamp of the flags, so that a change of them builds everything anew. Where the
# tree lies is in none of them, so a copy of it need not be.
FLAGS := $(BUILD)/.flags
FLAGS_NOW := $(subst $(CURDIR)/,,$(CC) $(HV_CFLAGS) $(GUEST_CFLAGS) $(HOST_CFLAGS) $(LDFLAGS))
$(shell mkdir -p $(BUILD); echo '$(FLAGS_NOW)' | cmp -s - $(FLAGS) || echo '$(FLAGS_NOW)' > $(FLAGS))

# ---- The hypervisor ------------------------------------------------------------------------------

# Outside the core: these see only api.h of it, and `make check` proves so.
OUTSIDE_SRC := $(sort $(wildcard hv/emul/*.c hv/dev/*.c hv/load/*.c hv/vmm/*.c hv/lib/*.c))
CORE_SRC := $(sort $(wildcard hv/core/*.[cS] hv/hvm/*.[cS] hv/mm/*.c hv/x86/*.[cS])) \
	hv/boot/head.S hv/boot/long_mode.S hv/boot/main.c hv/boot/multiboot.c
objects = $(patsubst %,$(BUILD)/%.o,$(1))
OUTSIDE_OBJ := $(call objects,$(OUTSIDE_SRC))
HV_OBJ := $(call objects,$(CORE_SRC)) $(OUTSIDE_OBJ)

# A file is made under another name first, so that two makes at once don't see half of it.
new = $@.$$$$
done = && mv -f $(new) $@

all: $(BUILD)/hv32.elf $(BUILD)/boot/bootsect.bin guests ## build hypervisor and guests

define compile_hv
	$(call say,CC    $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $(new) $(done)
endef
define link_hv
	$(call say,LD    $@)
	$(Q)$(CC) $(LDFLAGS) -Wl,-T,hv/boot/hv.ld $(filter %.o,$^) -o $(new) $(done)
endef

$(BUILD)/hv/%.o: hv/% $(FLAGS)
	$(compile_hv)

$(BUILD)/hv.elf: $(HV_OBJ) hv/boot/hv.ld
	$(link_hv)

$(BUILD)/%32.elf: $(BUILD)/%.elf
	$(Q)objcopy -O elf32-i386 $< $(new) $(done)

# ---- Hypervisors that are wrong on purpose -------------------------------------------------------
# The grader puts a file of hv/ with a mistake into $(BUILD)/breaks/TRACK/NAME/hv/, and asks for
# hv32.elf in $(BUILD)/breaks/TRACK/NAME: there its object takes the place of ours.

BREAKS := $(wildcard $(BUILD)/breaks/*/*)
BREAK_OBJ := $(patsubst %,%.o,$(wildcard $(BREAKS:%=%/hv/*/*.[cS])))
in_break = $(filter $(1)/%,$(BREAK_OBJ))
not_in_break = $(filter-out $(patsubst $(1)/%,$(BUILD)/%,$(call in_break,$(1))),$(HV_OBJ))

$(BREAK_OBJ): HV_CFLAGS += -w	# what a mistake leaves unused is no news
$(BREAK_OBJ): %.o: % $(FLAGS)
	$(compile_hv)

.SECONDEXPANSION:
$(BREAKS:%=%/hv.elf): %/hv.elf: $$(call in_break,$$*) $$(call not_in_break,$$*) \
		hv/boot/hv.ld
	$(link_hv)

# ---- The boot sector of the flat image -----------------------------------------------------------

BOOT_OBJ := $(BUILD)/boot/bootsect.o $(BUILD)/boot/loader.o

$(BUILD)/boot/%.o: hv/boot/%.S hv/boot/image.h $(FLAGS)
	$(call say,AS    $<)
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -ffreestanding -fno-pic -Ihv -c $< -o $(new) $(done)

$(BUILD)/boot/bootsect.bin: $(BOOT_OBJ) hv/boot/bootsect.ld
	$(call say,LD    $@)
	$(Q)ld -m elf_i386 -T hv/boot/bootsect.ld $(BOOT_OBJ) -o $(new) $(done)

# ---- Guests --------------------------------------------------------------------------------------
# NAME.16.S runs in real mode, NAME.32.[cS] in protected, NAME.64.[cS] in long mode.

GUEST_SRC := $(sort $(wildcard guest/*.S guest/*.c))
GUEST_ELF := $(sort $(foreach s,$(GUEST_SRC),$(BUILD)/guest/$(basename $(notdir $(s))).elf))

guests: $(GUEST_ELF)

guest_bits = $(if $(findstring .64,$(1)),64,32)

$(GUEST_ELF): $(BUILD)/guest/%.elf: $$(wildcard guest/$$*.S guest/$$*.c) $$(wildcard guest/lib/*) \
		hv/hypercall.h $(FLAGS)
	$(call say,GUEST $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -m$(call guest_bits,$*) $(LDFLAGS) -Wl,-T,guest/lib/guest.ld \
		$(filter guest/$*.S guest/$*.c,$^) \
		$(if $(filter guest/%.c,$^),guest/lib/start$(call guest_bits,$*).S) -o $(new) $(done)

# ---- On this computer ----------------------------------------------------------------------------
# The hypervisor's own parser of VM files as a program: `scripts/run --check` needs it.

all: $(BUILD)/vmcheck

$(BUILD)/vmcheck: grader/host/vmcheck.c hv/load/vmfile.c hv/lib/printf.c hv/lib/string.c \
		$(wildcard hv/lib/*.h) hv/load/vmfile.h hv/api.h grader/unit/host.h $(FLAGS)
	$(call say,HOST  $<)
	$(Q)$(CC) $(HOST_CFLAGS) $(filter %.c,$^) -o $(new) $(done)

# hv/emul beside others who know x86: Zydis, and the CPU of this computer.
INSN_CHECKS := $(BUILD)/unit/insn_zydis $(BUILD)/unit/insn_cpu

$(INSN_CHECKS): $(BUILD)/unit/%: grader/unit/%.c $(wildcard hv/emul/*.c) hv/lib/printf.c \
		hv/lib/string.c $(wildcard hv/emul/*.h hv/emul/*.def hv/lib/*.h grader/unit/*.h) \
		hv/api.h hv/x86/regs.h $(FLAGS) | $(BUILD)/.setup-test
	$(call say,HOST  $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -Igrader/unit -O2 -fsanitize=undefined -fno-sanitize-recover=all \
		$(filter %.c,$^) -lZydis -o $(new) $(done)

insns: $(INSN_CHECKS) ## compare instructions with Zydis and with this CPU [INSNS=100000]
	$(Q)for check in $^; do $$check $(or $(INSNS),1000) || exit; done

# ---- Set-up --------------------------------------------------------------------------------------
# What a command needs besides gcc and make is looked for once, and installed if it is missing.

ready_to = $(foreach group,$(1),$(BUILD)/.setup-$(group))

$(BUILD)/.setup-%: scripts/setup $(BUILD)/.python
	$(Q)scripts/setup $*
	@touch $@

# Another Python may lack what the last one had.
$(shell echo '$(PYTHON)' | cmp -s - $(BUILD)/.python || echo '$(PYTHON)' > $(BUILD)/.python)

setup: $(call ready_to,grade test check iso) ## install what the other commands need

# ---- Commands ------------------------------------------------------------------------------------

# An option for each variable that is set: with LAB=3 ON=tcg, --lab '3' --on 'tcg'.
options = $(foreach v,$(1),$(if $($(v)),--$(shell echo $(v) | tr A-Z a-z) '$($(v))'))
given = $(if $($(1)),,$(error $(1)= is missing; `make help` shows how))
# Commands that call make must not take themselves for a part of this one.
APART := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL

# The grader builds for itself: it tells mistakes in your code from trouble with this computer.
# MODEL=, TREE=, JSON=, SEED=, JOBS= and ASSUME= are for the curious: scripts/grade --help.
grade: $(call ready_to,grade) ## build and grade your tree [LAB=1 EX=1.4 TRACK=intel ON=tcg]
	$(Q)$(APART) scripts/grade $(call options,LAB EX TRACK ON MODEL TREE JSON SEED JOBS ASSUME)

# What needs the reference solutions; a student's tree has it not.
-include project.mk

run: all $(call ready_to,grade) ## boot a VM file: VM=guest/vm/hello.vm [ON=bochs-vmx]
	$(call given,VM)$(Q)scripts/run --build '$(BUILD)' $(call options,ON) '$(VM)'

image: all $(call ready_to,grade) ## make a disk image for Bochs or a PC: VM=guest/vm/hello.vm
	$(call given,VM)$(Q)scripts/mkimage --hv $(BUILD)/hv32.elf \
		-o $(BUILD)/$(basename $(notdir $(VM))).img '$(VM)'

iso: all $(call ready_to,iso) ## make a CD or USB stick for a spare PC [OUT=nestling.iso]
	$(Q)scripts/mkiso --hv $(BUILD)/hv32.elf -o '$(or $(OUT),nestling.iso)' \
		--default greeting guest/vm

bench: all $(call ready_to,grade) ## count what an exit costs [JSON=figures.json]
	$(Q)$(PYTHON) -m nestling.cli_bench --build '$(BUILD)' $(call options,JSON)

# ---- Tests ---------------------------------------------------------------------------------------
# Their parts: "check", see below; "unit", which boots nothing; and the folders of grader/tests,
# "lab" is the lab tool and the splice; "reference", which grades solutions, stubs and mutants, is
# "labs" or "grader" here.

TESTS := grader/tests
PARTS := check unit $(filter-out __%,$(notdir $(patsubst %/,%,$(wildcard $(TESTS)/*/))))
comma := ,
CHOSEN := $(sort $(patsubst labs,reference,$(patsubst grader,reference,\
	$(subst $(comma), ,$(or $(ONLY),$(PARTS))))))

ifneq ($(and $(filter test,$(MAKECMDGOALS)),$(filter-out $(PARTS),$(CHOSEN))),)
$(error ONLY=$(ONLY): the tests have these parts: $(PARTS:reference=labs))
endif

PYTEST_ARGS := $(foreach part,$(filter-out check,$(CHOSEN)),$(if $(filter unit,$(part)),\
	$(wildcard $(TESTS)/test_*.py),$(TESTS)/$(part)))
pytest = $(APART) $(PYTHON) -m pytest -o cache_dir=$(BUILD)/pytest -n $(or $(JOBS),auto)

test: $(call ready_to,test) all $(filter check,$(CHOSEN)) ## test everything [ONLY=unit,hv]
	$(if $(filter hv,$(CHOSEN)),$(Q)scripts/kernels $(BUILD)/kernels)
	$(if $(PYTEST_ARGS),$(Q)$(pytest) $(PYTEST_ARGS))

# ---- Checks --------------------------------------------------------------------------------------
# What shows without running anything. A check leaves a file in build/check, and is done again when
# something has changed that it looks at.

CHECKS := style boundary cppcheck tidy python

check: $(CHECKS:%=check-%) check-builds ## look for mistakes in the code without running it

$(CHECKS:%=check-%): check-%: $(BUILD)/check/%
$(CHECKS:%=$(BUILD)/check/%): | $(call ready_to,check)

$(BUILD)/check/style: $(wildcard hv/* hv/*/* guest/* guest/*/* grader/unit/* grader/host/*) \
		grader/nestling/cli_style.py
	$(call say,STYLE)
	$(Q)scripts/style
	@mkdir -p $(@D) && touch $@

$(BUILD)/check/boundary: $(HV_OBJ) hv/api.syms grader/nestling/cli_boundary.py
	$(call say,BOUNDARY)
	$(Q)scripts/boundary $(HV_OBJ)
	@mkdir -p $(@D) && touch $@

$(BUILD)/check/cppcheck: $(HV_OBJ) scripts/cppcheck.txt
	$(call say,CPPCHECK)
	$(Q)cppcheck -q --std=c11 --platform=unix64 --enable=warning,performance,portability \
		-U__ASSEMBLER__ -Ihv --suppressions-list=scripts/cppcheck.txt --error-exitcode=1 hv
	@mkdir -p $(@D) && touch $@

$(BUILD)/check/python: $(wildcard grader/*/*.py grader/*/*/*.py labs/*/*.py) setup.cfg
	$(call say,PYTHON)
	$(Q)$(PYTHON) -m flake8 grader labs
	$(Q)$(PYTHON) -m mypy --no-error-summary --cache-dir $(BUILD)/mypy \
		grader/nestling grader/tests
	@mkdir -p $(@D) && touch $@

# clang-tidy reads a file again when the compiler had to.
TIDY := $(patsubst %,$(BUILD)/check/%.tidy,$(filter %.c,$(CORE_SRC) $(OUTSIDE_SRC)))
TIDY_CFLAGS := $(filter-out -fsanitize% -fno-sanitize%,$(HV_CFLAGS))

$(TIDY): $(BUILD)/check/%.tidy: $(BUILD)/%.o .clang-tidy | $(call ready_to,check)
	$(call say,TIDY  $*)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $* -- $(TIDY_CFLAGS) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

$(BUILD)/check/tidy: $(TIDY)
	@touch $@

# Both compilers, with and without the sanitizer: CC.UBSAN.
BUILDS := $(foreach b,gcc.1 gcc.0 clang.1 clang.0,check-build-$(b))

check-builds: $(BUILDS)
$(BUILDS): check-build-%: | $(call ready_to,check)
	$(call say,BUILD CC=$(basename $*) UBSAN=$(patsubst .%,%,$(suffix $*)))
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/$* CC=$(basename $*) \
		UBSAN=$(patsubst .%,%,$(suffix $*)) all >/dev/null

# ---- Everything else -----------------------------------------------------------------------------

clean: ## remove what was built
	$(Q)rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile $(wildcard project.mk) | \
	while IFS='|' read -r name what; do printf '  make %-8s %s\n' "$$name" "$$what"; done

.PHONY: all insns guests setup grade run image iso bench test check $(CHECKS:%=check-%) check-builds \
	$(BUILDS) clean help

-include $(HV_OBJ:.o=.d) $(BREAK_OBJ:.o=.d)
