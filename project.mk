# Commands of the project, beside those in the Makefile: they need the reference solutions.

start: $(call ready_to,grade) ## make a tree of your own: DIR=~/nestling
	$(call given,DIR)$(Q)scripts/lab start '$(DIR)'

# The solutions are for after a deadline; they are written to release.json beside the archive.
handout: $(call ready_to,grade) ## make a course's archive [OUT=handout.tar.gz RELEASE=1 LAB=1,2]
	$(Q)scripts/lab handout $(call options,OUT LAB) $(if $(RELEASE),--release)

# `make test` tells whether the scenarios let the right code pass; this, whether they stop the wrong.
mutants: $(call ready_to,grade) ## try mistakes on the scenarios [LAB=1 EX=1.4 ONLY=curated ON=tcg]
	$(Q)$(APART) scripts/mutants $(call options,LAB EX TRACK ON ONLY JSON SEED JOBS)

# ---- Fuzzing -------------------------------------------------------------------------------------
# A target, grader/fuzz/fuzz_NAME.c, becomes two programs in $(BUILD)/fuzz: search/NAME looks for
# inputs that break something, cover/NAME finds out which lines they reach.

FUZZ_NAMES := $(patsubst grader/fuzz/fuzz_%.c,%,$(wildcard grader/fuzz/fuzz_*.c))
FUZZ_PURE := $(wildcard hv/emul/*.c hv/dev/*.c hv/load/*.c) hv/lib/printf.c hv/lib/psf.c hv/lib/string.c
FUZZ_CFLAGS := -std=gnu11 -O1 -g -fno-builtin $(WARN) -include grader/unit/host.h -Ihv -Igrader/fuzz
FUZZ_search := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_cover := -fsanitize=fuzzer -fprofile-instr-generate -fcoverage-mapping

# For $(1), search or cover.
define fuzz_rules
$(BUILD)/fuzz/$(1)/%.o: %.c project.mk | $(call ready_to,fuzz)
	$$(call say,FUZZ  $$<)
	@mkdir -p $$(@D)
	$$(Q)clang $(FUZZ_CFLAGS) $(FUZZ_$(1)) -MMD -MP -MF $$(@:.o=.d) -MT $$@ -c $$< -o $$(new) $$(done)

$(FUZZ_NAMES:%=$(BUILD)/fuzz/$(1)/%): $(BUILD)/fuzz/$(1)/%: $(BUILD)/fuzz/$(1)/grader/fuzz/fuzz_%.o \
		$(FUZZ_PURE:%.c=$(BUILD)/fuzz/$(1)/%.o)
	$$(Q)clang $(FUZZ_$(1)) $$^ -o $$(new) $$(done)

-include $(patsubst %.c,$(BUILD)/fuzz/$(1)/%.d,$(FUZZ_PURE) $(wildcard grader/fuzz/*.c))
endef
$(foreach kind,search cover,$(eval $(call fuzz_rules,$(kind))))

FUZZERS := $(foreach kind,search cover,$(FUZZ_NAMES:%=$(BUILD)/fuzz/$(kind)/%))

fuzz: $(call ready_to,fuzz) ## look for inputs that break a pure piece [T=60 TARGET=vmfile]
	$(Q)$(APART) scripts/fuzz --build '$(BUILD)' $(if $(T),--seconds '$(T)') \
		$(call options,TARGET RUNS SEED JOBS)

setup: $(call ready_to,fuzz)

# The tests, several at a time, find them built.
test: $$(if $$(filter fuzz,$$(CHOSEN)),$(FUZZERS))

.PHONY: start handout mutants fuzz
