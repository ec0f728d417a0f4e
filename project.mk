# Commands of the project, beside those in the Makefile: they need the reference solutions.

start: $(call ready_to,grade) ## make a tree of your own: DIR=~/nestling
	$(call given,DIR)$(Q)scripts/lab start '$(DIR)'

# The solutions are for after a deadline; they are written to release.json beside the archive.
handout: $(call ready_to,grade) ## make a course's archive [OUT=handout.tar.gz RELEASE=1 LAB=1,2]
	$(Q)scripts/lab handout $(call options,OUT LAB) $(if $(RELEASE),--release)

# `make test` tells whether the scenarios let the right code pass; this, whether they stop the wrong.
mutants: $(call ready_to,grade) ## try mistakes on the scenarios [LAB=1 EX=1.4 ONLY=curated ON=tcg]
	$(Q)$(APART) scripts/mutants $(call options,LAB EX TRACK ON ONLY JSON SEED JOBS)

.PHONY: start handout mutants
