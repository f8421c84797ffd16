# Alba: `make` alone prints what can be asked for. One makefile, no recursion, no hidden scripts.
MAKEFLAGS += --no-builtin-rules $(if $(filter 0,$(MAKELEVEL)),--jobs=$(shell nproc))
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
# DEBUG=1: a kernel that checks how its locks are used, in a folder of its own.
B       := build/$(ARCH)$(if $(DEBUG),-debug)

# One short line for each command; `make V=1` shows them whole.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

WARN := -Wall -Wextra -Wshadow -Wvla -Wundef -Wmissing-prototypes -Wstrict-prototypes \
        -Wimplicit-fallthrough -Wframe-larger-than=2048 -Werror
COMMON := -std=gnu17 -O2 -g -I. -MMD -MP $(WARN)
FREESTANDING := $(COMMON) -ffreestanding -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables \
        -ffunction-sections -fdata-sections -mno-red-zone -mgeneral-regs-only -fcf-protection=none

# The kernel: position independent (KASLR), frame pointers for back traces, a per-CPU canary.
KFLAGS := $(FREESTANDING) $(if $(DEBUG),-DDEBUG) -fPIE -fvisibility=hidden -fno-omit-frame-pointer \
        -Ikernel/arch/$(ARCH)/include \
        -fstack-protector-strong -mstack-protector-guard=tls -mstack-protector-guard-reg=gs \
        -mstack-protector-guard-offset=40
# Kernel entry leaves the stack 8-byte aligned, and nothing here needs more.
# Padding between functions and before loops was 8 % of the image, and bought no instruction.
KFLAGS += $(if $(findstring clang,$(CC)),-mstack-alignment=8,-mpreferred-stack-boundary=3 \
        -falign-functions=4 -falign-jumps=1 -falign-loops=1 -falign-labels=1)

# The block functions are the machine's own in the kernel.
LIB_C    := $(filter-out lib/mem.c,$(wildcard lib/*.c))
KERNEL_C := $(LIB_C) $(wildcard kernel/init/*.c kernel/base/*.c kernel/mm/*.c kernel/core/*.c \
            kernel/arch/$(ARCH)/*.c kernel/dev/*.c kernel/dev/*/*.c kernel/fs/*.c kernel/fs/*/*.c \
            kernel/personality/linux/*.c kernel/personality/linux/*/*.c \
            $(if $(DEBUG),kernel/debug/*.c))
KERNEL_S := $(wildcard kernel/arch/$(ARCH)/*.S kernel/dev/screen/*.S kernel/personality/linux/$(ARCH)/*.S)
KERNEL_O := $(KERNEL_C:%.c=$(B)/k/%.o) $(KERNEL_S:%.S=$(B)/k/%.o)

# What programs do all day is built for speed, the rest for size.
FAST := kernel/base/timeline.c kernel/mm/frame.c kernel/mm/heap.c lib/chacha20.c lib/string.c $(addprefix \
        kernel/arch/$(ARCH)/,clock.c fpu.c mem.c mmu.c mmu_kernel.c thread.c tlb.c trap.c user.c) \
        $(addprefix kernel/core/,io.c mutex.c page_tree.c rcu.c rwlock.c sched% space_fault.c \
        space_fork.c space_pages.c thread.c timer.c vmo_io.c wait.c) $(addprefix kernel/fs/,dentry.c \
        file.c inode.c mount.c name.c open.c pipe.c tmpfs/% walk.c) $(addprefix kernel/personality/linux/, \
        dispatch.c memory/mm_calls.c process/futex.c process/futex_queue.c process/pid.c signal/% \
        time/time_calls.c x86_64/%) $(addprefix kernel/personality/linux/file/,fd.c fd_calls.c \
        open.c poll% rw% stat.c)
$(patsubst %.c,$(B)/k/%.o,$(filter-out $(FAST),$(KERNEL_C))): KFLAGS += -Os

$(B)/k/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(KFLAGS) -c $< -o $@
$(B)/k/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(KFLAGS) -c $< -o $@

# Linked twice: the second time with the names of the functions that the first one placed.
LINK := $(LD) -pie --no-dynamic-linker -z pack-relative-relocs -z norelro -z text -z max-page-size=4096 \
        -z noexecstack --gc-sections --no-undefined --build-id=none \
        -T kernel/arch/$(ARCH)/kernel.lds
$(B)/symbols.none.S: tools/symbols.awk
	@mkdir -p $(@D)
	$(Q)awk -f tools/symbols.awk /dev/null > $@
$(B)/kernel.first.elf: $(KERNEL_O) $(B)/symbols.none.o kernel/arch/$(ARCH)/kernel.lds
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(KERNEL_O) $(B)/symbols.none.o
$(B)/symbols.S: $(B)/kernel.first.elf tools/symbols.awk
	$(Q)nm -n $< | awk -f tools/symbols.awk > $@
$(B)/symbols%o: $(B)/symbols%S
	$(Q)$(CC) -c $< -o $@
$(B)/kernel.elf: $(KERNEL_O) $(B)/symbols.o kernel/arch/$(ARCH)/kernel.lds
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(KERNEL_O) $(B)/symbols.o

# These implement what the compiler would otherwise turn their loops into.
$(B)/k/lib/string.o $(B)/k/kernel/arch/$(ARCH)/mem.o: KFLAGS += -fno-builtin $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)

# The vDSO is built first and woven in.
$(B)/k/kernel/personality/linux/$(ARCH)/vdso_image.o: KFLAGS += -DVDSO='"$(B)/user/vdso.so"'
$(B)/k/kernel/personality/linux/$(ARCH)/vdso_image.o: $(B)/user/vdso.so

# The screen's font comes from a Debian package; it is the VGA's (MIT licence, D. Bolkhovityanov).
FONT := /usr/share/consolefonts/Uni2-VGA16.psf.gz
$(B)/mkfont: tools/mkfont.c lib/glyphs.c lib/glyphs.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -std=gnu17 -O2 -I. $(filter-out -Wframe-larger-than=%,$(WARN)) -o $@ $(filter %.c,$^)
$(B)/font.bin: $(FONT) $(B)/mkfont
	$(call say,GEN,$@)
	$(Q)gzip -dc $< | $(B)/mkfont $@
$(B)/k/kernel/dev/screen/font.o: KFLAGS += -DFONT='"$(B)/font.bin"'
$(B)/k/kernel/dev/screen/font.o: $(B)/font.bin

-include $(KERNEL_O:.o=.d)

# Each part of the house has its rules beside it.
-include boot/rules.mk host/rules.mk user/rules.mk test/rules.mk bench/rules.mk tools/rules.mk

.PHONY: help all kernel clean
help: ## what can be asked for
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
all: $(B)/kernel.elf $(B)/alba.elf $(B)/alba.bzImage ## builds everything
kernel: $(B)/kernel.elf ## the kernel alone
clean: ## removes what was built
	rm -rf build
