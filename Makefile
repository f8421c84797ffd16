# Alba: `make` alone prints what can be asked for. One makefile, no recursion, no hidden scripts.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

ARCH    ?= x86_64
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
HOSTCC  ?= gcc
LD      := ld
OBJCOPY := objcopy
B       := build/$(ARCH)

WARN := -Wall -Wextra -Wshadow -Wvla -Wundef -Wmissing-prototypes -Wstrict-prototypes \
        -Wimplicit-fallthrough -Wframe-larger-than=2048 -Werror
COMMON := -std=gnu17 -O2 -g -I. -MMD -MP $(WARN)
FREESTANDING := $(COMMON) -ffreestanding -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables \
        -ffunction-sections -fdata-sections -mno-red-zone -mgeneral-regs-only -fcf-protection=none

# The kernel: position independent (KASLR), frame pointers for back traces, a per-CPU canary.
KFLAGS := $(FREESTANDING) -fPIE -fvisibility=hidden -fno-omit-frame-pointer \
        -Ikernel/arch/$(ARCH)/include \
        -fstack-protector-strong -mstack-protector-guard=tls -mstack-protector-guard-reg=gs \
        -mstack-protector-guard-offset=40

LIB_C    := $(wildcard lib/*.c)
KERNEL_C := $(LIB_C) $(wildcard kernel/init/*.c kernel/base/*.c kernel/mm/*.c kernel/core/*.c \
            kernel/arch/$(ARCH)/*.c kernel/dev/*.c kernel/dev/*/*.c kernel/fs/*.c kernel/fs/*/*.c \
            kernel/personality/linux/*.c kernel/personality/linux/$(ARCH)/*.c)
KERNEL_S := $(wildcard kernel/arch/$(ARCH)/*.S)
KERNEL_O := $(KERNEL_C:%.c=$(B)/k/%.o) $(KERNEL_S:%.S=$(B)/k/%.o)

$(B)/k/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(KFLAGS) -c $< -o $@
$(B)/k/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(KFLAGS) -c $< -o $@

$(B)/kernel.elf: $(KERNEL_O) kernel/arch/$(ARCH)/kernel.lds
	$(LD) -pie --no-dynamic-linker -z pack-relative-relocs -z text -z max-page-size=4096 -z noexecstack \
	    --gc-sections --no-undefined --build-id=none -T kernel/arch/$(ARCH)/kernel.lds -o $@ $(KERNEL_O)

-include $(KERNEL_O:.o=.d)

# Each part of the house has its rules beside it.
-include boot/rules.mk host/rules.mk user/rules.mk test/rules.mk bench/rules.mk tools/rules.mk

.PHONY: help all kernel clean
help: ## what can be asked for
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
kernel: $(B)/kernel.elf ## the kernel alone
clean: ## removes what was built
	rm -rf build
