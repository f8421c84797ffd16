# Tests. unit: parts compiled for the host under sanitizers; fuzz: parsers; abi: Linux programs, here
# and on Alba; boot: machines; real: other people's programs.
comma := ,
UNIT_C := $(wildcard test/unit/test_*.c)
UNIT   := $(UNIT_C:test/unit/%.c=%)
FUZZ_C := $(wildcard test/fuzz/fuzz_*.c)
FUZZ   := $(FUZZ_C:test/fuzz/%.c=%)

UNIT_FLAGS := -std=gnu17 -O1 -g $(filter-out -Wframe-larger-than=%,$(WARN)) -D_GNU_SOURCE \
              -fno-omit-frame-pointer -fno-sanitize-recover=all -Itest/unit/fake -I.
FUZZ_RUNS    ?= 20000
FUZZ_SECONDS ?= 10

# A test names what it is linked with: `// sources: lib/a.c lib/b.c`, and flags: `// flags: -DX`.
define TEST_PROGRAM
build/unit/$(2): test/$(1)/$(2).c $(3)
	@mkdir -p $$(@D)
	@echo "  $(1) $(2)"
	@$(5) $(4) $(UNIT_FLAGS) -MM -MP -MT $$@ test/$(1)/$(2).c $(filter %.c,$(3)) >$$@.d
	@$(5) $(4) $(UNIT_FLAGS) -o $$@ test/$(1)/$(2).c $(3) $(6)

endef
test_word = $(shell sed -n 's,^// $(1): *,,p' $(2))
ifneq ($(filter unit test stress torture check fuzz build/unit/%,$(MAKECMDGOALS)),)
$(foreach t,$(UNIT),$(eval $(call TEST_PROGRAM,unit,$(t),$(call test_word,sources,test/unit/$(t).c),$(call test_word,flags,test/unit/$(t).c),$(HOSTCC) -fsanitize=address$(comma)undefined,-lcmocka)))
$(foreach t,$(FUZZ),$(eval $(call TEST_PROGRAM,fuzz,$(t),$(call test_word,sources,test/fuzz/$(t).c),$(call test_word,flags,test/fuzz/$(t).c),clang-14 -fsanitize=fuzzer$(comma)address$(comma)undefined,)))
-include $(wildcard build/unit/*.d)
endif

UNIT_BIN := $(UNIT:%=build/unit/%)
FUZZ_BIN := $(FUZZ:%=build/unit/%)
PYTEST    = $(PYTHON) -m pytest -q -p no:cacheprovider $(PYTEST_FLAGS)
export PYTHONDONTWRITEBYTECODE := 1
export ALBA_BUILD := $(notdir $(B))

.PHONY: test unit fuzz abi-programs
unit: $(UNIT_BIN) ## unit tests on the host, under sanitizers
	@$(PYTEST) test/unit

fuzz: $(FUZZ_BIN) ## fuzzes each parser for FUZZ_SECONDS
	@set -e; for f in $(FUZZ); do mkdir -p build/corpus/$$f; \
	    build/unit/$$f -max_total_time=$(FUZZ_SECONDS) build/corpus/$$f \
	    $$(ls -d test/fuzz/corpus/$$f 2>/dev/null); done

# Linux programs: static musl by default; `// build: glibc|static|musl-dynamic` for other forms.
ABI_C   := $(wildcard test/linux/*.c)
ABI_BIN := $(ABI_C:test/linux/%.c=build/abi/%)
# Bad arguments are the point of many of them.
ABI_FLAGS := -std=gnu17 -O1 -g -Wall -Wextra -Werror -Wno-unused-result -Wno-stringop-overread \
             -Wno-stringop-overflow -Wno-nonnull -Wno-infinite-recursion -Wno-format-truncation \
             -D_GNU_SOURCE -I.
ABI_CC_musl   := musl-gcc -static -pthread
ABI_CC_musl-dynamic := musl-gcc -pthread
ABI_CC_glibc  := gcc -pthread
ABI_CC_static := gcc -static-pie -pthread
build/abi/%: test/linux/%.c $(wildcard test/linux/*.h) abi/linux.def
	@mkdir -p $(@D)
	@echo "  abi $*"
	@$(ABI_CC_$(or $(call test_word,build,$<),musl)) $(ABI_FLAGS) -o $@ $< -lm
abi-programs: $(ABI_BIN)

# Small programs that are /init of boot tests.
GUEST_C   := $(wildcard test/boot/guest/*.c)
GUEST_BIN := $(GUEST_C:test/boot/guest/%.c=build/guest/%)
build/guest/%: test/boot/guest/%.c test/boot/guest/file.h
	@mkdir -p $(@D)
	@musl-gcc -static -pthread -Os -s $(ABI_FLAGS) -o $@ $<

# Two files of tests at a time, the long ones first (conftest.py): much of a test is waiting.
TEST_JOBS ?= 2
TESTED := all debug-kernel $(UNIT_BIN) $(FUZZ_BIN) $(ABI_BIN) $(GUEST_BIN) $(B)/root/etc/passwd
test: $(TESTED) ## everything: unit, fuzz, Linux programs, machines
	@$(PYTEST) -n $(TEST_JOBS) --dist loadfile test

STRESS_SECONDS ?= 10
.PHONY: stress torture
stress: $(TESTED) ## stress-ng on four CPUs, STRESS_SECONDS for each stressor
	@STRESS_SECONDS=$(STRESS_SECONDS) $(PYTEST) test/real/test_stress.py
torture: $(TESTED) ## the same tests over and over on 2, 4, 8 CPUs, until one fails (TORTURE=--help)
	@$(PYTHON) test/torture.py --kernel $(B) $(TORTURE)
