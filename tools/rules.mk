# What the house needs (deps), and what it must look like (check, format).
PYTHON := /usr/bin/python3

# Debian packages come first: make remakes the makefiles it includes before anything else, and then
# starts over. A goal that is not listed needs what `make run` needs.
DEPS_none  := help clean deps linux-abi
DEPS_test  := test unit fuzz abi boot-test real-test stress torture
DEPS_check := check format format-check layers headers tidy clang debug-kernel steps locks linux-abi-check
DEPS_bench := bench bench-%
DEPS_debug := debug
DEPS_GOALS := $(filter-out $(DEPS_none),$(MAKECMDGOALS))
DEPS := $(if $(DEPS_GOALS),run) $(foreach g,test check bench debug,$(if \
        $(filter $(DEPS_$(g)),$(DEPS_GOALS)),$(g)))
include $(patsubst %,build/deps/%.mk,$(strip $(DEPS)))
build/deps/%.mk: tools/deps.list tools/deps
	@tools/deps $*
	@mkdir -p $(@D)
	@echo '# The packages of group $* are installed.' >$@

.PHONY: deps format check format-check layers headers tidy clang debug-kernel steps locks linux-abi \
        linux-abi-check
deps: ## says what is missing to build and test, and installs it
	@tools/deps run test check bench debug

# Everything that is ours and in C; tables (.def) keep the form they have.
C_FILES := $(shell find abi lib boot kernel user host test bench tools -name '*.[ch]' 2>/dev/null)
H_FILES := $(filter %.h,$(C_FILES))

format: ## brings the C files into the form of .clang-format
	clang-format-14 -i $(C_FILES)
format-check:
	@clang-format-14 --dry-run -Werror $(C_FILES)
	@echo "format: $(words $(C_FILES)) files"

layers: $(if $(wildcard kernel/init/*.c),$(KERNEL_O))
	@$(PYTHON) tools/layers.py --objects $(B)/k

tidy:
	@$(PYTHON) tools/tidy.py

# Each header compiles alone, with the flags of the part it belongs to. A machine's half of a
# contract header is read through it.
HOST_HEADERS   := $(filter-out test/unit/fake/%,$(filter host/% user/% test/% bench/%,$(H_FILES)))
MACHINE_HALVES := $(foreach h,$(notdir $(wildcard kernel/arch/*.h)),kernel/arch/$(ARCH)/include/machine/$(h))
KERNEL_HEADERS := $(filter-out $(MACHINE_HALVES),$(filter abi/% lib/% kernel/%,$(H_FILES)))
BOOT_HEADERS   := $(filter boot/%,$(H_FILES))
HEADER_CHECKS  := $(KERNEL_HEADERS:%=build/headers/k/%.ok) $(HOST_HEADERS:%=build/headers/h/%.ok) \
                  $(BOOT_HEADERS:%=build/headers/b/%.ok)
headers: $(HEADER_CHECKS)
	@echo "headers: $(words $(HEADER_CHECKS)) compile alone"
build/headers/k/%.ok: %
	@mkdir -p $(@D)
	@$(CC) $(filter-out -MMD -MP,$(KFLAGS)) -MMD -MP -MF $@.d -MT $@ -fsyntax-only -include $< -x c /dev/null
	@touch $@
build/headers/b/%.ok: %
	@mkdir -p $(@D)
	@$(CC) $(filter-out -MMD -MP,$(FREESTANDING)) -MMD -MP -MF $@.d -MT $@ -fsyntax-only -include $< -x c /dev/null
	@touch $@
build/headers/h/%.ok: %
	@mkdir -p $(@D)
	@$(CC) $(filter-out -MMD -MP,$(COMMON)) -D_GNU_SOURCE -Itest/unit/fake -MMD -MP -MF $@.d -MT $@ \
	    -fsyntax-only -include $< -x c /dev/null
	@touch $@
-include $(HEADER_CHECKS:%=%.d)

# The second compiler, with flags of its own: the one place that starts make again.
clang:
	@$(MAKE) --no-print-directory -s CC=clang-14 HOSTCC=clang-14 B=build/clang \
	    build/clang/kernel.elf build/clang/alba.elf build/clang/alba.bzImage \
	    build/clang/bios-sector.bin build/clang/bios-manager.bin build/clang/alba
	@echo "clang: kernel, images and command build with clang 14 without a warning"

# And the kernel that checks its locks.
debug-kernel:
	@$(MAKE) --no-print-directory -s DEBUG=1 B=build/$(ARCH)-debug build/$(ARCH)-debug/alba.elf
	@echo "debug-kernel: builds"

steps:
	@$(PYTHON) tools/steps.py

locks:
	@$(PYTHON) tools/locks.py

linux-abi: ## makes doc/linux-abi.md, the list of Linux's calls, from abi/linux.def
	@$(PYTHON) tools/linux_abi.py
linux-abi-check:
	@$(PYTHON) tools/linux_abi.py --check

check: format-check layers headers tidy clang debug-kernel steps locks linux-abi-check unit ## form, layers, headers, tidy, locks, clang, unit tests

GDB := gdb -q -ex 'target remote localhost:1234' -ex 'source tools/gdb/alba.py' $(B)/kernel.elf
.PHONY: debug timeline
debug: $(ALBA) $(B)/alba.elf $(BUSYBOX_ROOT)/etc/passwd ## a busybox prompt that waits for gdb
	@echo "In another terminal: $(GDB)"
	@echo "(continue, Ctrl-C, then alba-relocate; help user-defined shows the rest: alba-log, alba-threads)"
	@$(ALBA) run -it --gdb --root $(BUSYBOX_ROOT) -w /root sh
timeline: $(ALBA) $(B)/alba.elf ## the stages and steps of a boot, and what each costs, as table and as picture
	@$(ALBA) run -q --timeline build/timeline.txt --timeline build/timeline.svg $(BUSYBOX) true
	@cat build/timeline.txt
	@echo "build/timeline.svg is its picture."

# The picture in doc/boot.md: the same on every machine with these compilers.
.PHONY: boot-picture
boot-picture: $(ALBA) $(B)/alba.elf ## makes doc/boot.svg anew
	@tools/boot-picture $(ALBA) $(BUSYBOX) echo hello >build/boot.svg
	@mv build/boot.svg doc/boot.svg
	@echo "doc/boot.svg: $$(sed -n 's/.*>\([0-9,]* instructions\) .*/\1/p' doc/boot.svg)"
