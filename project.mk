# Commands of the project, beside those in the Makefile: they make what students get.

start: $(call ready_to,grade) ## make a tree of your own: DIR=~/nestling
	$(call given,DIR)$(Q)scripts/lab start '$(DIR)'

# The solutions are for after a deadline; they are written to release.json beside the archive.
handout: $(call ready_to,grade) ## make a course's archive [OUT=handout.tar.gz RELEASE=1 LAB=1,2]
	$(Q)scripts/lab handout $(call options,OUT LAB) $(if $(RELEASE),--release)

.PHONY: start handout
