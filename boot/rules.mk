# The doors and the loader: build/ARCH/alba.elf (PVH, Multiboot, 64-bit Linux) and build/ARCH/alba.bzImage (Linux protocol),
# both from build/ARCH/kernel.elf.
BOOT_FLAGS := $(FREESTANDING) -fPIE -fvisibility=hidden -fno-stack-protector \
              $(if $(findstring clang,$(CC)),-fdirect-access-external-data, \
              -falign-functions=4 -falign-jumps=1 -falign-loops=1 -falign-labels=1)
# Whole blocks are summed and cleared 16 bytes at a time; the loader saves no one's registers.
BOOT_BLOCK_FLAGS := $(filter-out -mgeneral-regs-only,$(BOOT_FLAGS)) -msse2

BOOT_LIB_C := lib/acpi.c lib/elf.c lib/fb.c lib/format.c lib/lz4.c lib/mem.c lib/mptable.c lib/sha256.c \
              lib/string.c
BOOT_C := $(BOOT_LIB_C) $(wildcard boot/arch/$(ARCH)/*.c boot/loader/*.c)
BOOT_O := $(B)/b/boot/loader/font.o $(BOOT_C:%.c=$(B)/b/%.o) $(patsubst %.S,$(B)/b/%.o,$(wildcard boot/arch/$(ARCH)/*.S))
ELF_DOORS := boot/door/pvh boot/door/multiboot
ELF_DOOR_C := $(wildcard $(ELF_DOORS:%=%/*.c) boot/door/linux/*.c) boot/door/efi/tables.c
ELF_O  := $(B)/b/boot/door/elf_entry.o $(ELF_DOORS:%=$(B)/b/%/entry.o) $(ELF_DOOR_C:%.c=$(B)/b/%.o) \
          $(B)/b/payload_stored.o

$(B)/b/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BOOT_FLAGS) -c $< -o $@
$(B)/b/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BOOT_FLAGS) -c $< -o $@
$(B)/b/boot/loader/block.o: boot/loader/block.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BOOT_BLOCK_FLAGS) -c $< -o $@

# What only failures need is built for size.
$(B)/b/boot/loader/screen.o $(B)/b/lib/fb.o: BOOT_FLAGS += -Os
$(B)/b/boot/loader/font.o: BOOT_FLAGS += -DFONT='"$(B)/font.bin"'
$(B)/b/boot/loader/font.o: $(B)/font.bin

# The payload: the kernel ELF as it is, or packed.
$(B)/b/mkpayload: boot/tools/mkpayload.c boot/loader/block.c lib/elf.c lib/sha256.c \
                  boot/loader/payload.h boot/loader/block.h lib/elf.h lib/sha256.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -std=gnu17 -O2 -I. $(filter-out -Wframe-larger-than=%,$(WARN)) -o $@ $(filter %.c,$^) -llz4
$(B)/b/payload_%.bin $(B)/b/payload_%.hdr: $(B)/kernel.elf $(B)/b/mkpayload
	$(call say,GEN,$@)
	$(Q)$(B)/b/mkpayload $* $< $(B)/b/payload_$*.hdr $(B)/b/payload_$*.bin $(B)/b/payload_$*.sha256
# What kernel_sha256= on the command line wants.
$(B)/kernel.sha256: $(B)/b/payload_lz4.bin
	$(Q)cp $(B)/b/payload_lz4.sha256 $@
.SECONDARY: $(foreach f,stored lz4,$(B)/b/payload_$f.bin $(B)/b/payload_$f.hdr)
$(B)/b/payload_stored.o: PAYLOAD_ALIGN := 64
$(B)/b/payload_lz4.o:    PAYLOAD_ALIGN := 16
$(B)/b/payload_%.o: boot/loader/payload_data.S $(B)/b/payload_%.bin
	$(call say,CC,$<)
	$(Q)$(CC) $(BOOT_FLAGS) -DPAYLOAD_HEADER='"$(B)/b/payload_$*.hdr"' -DPAYLOAD_DATA='"$(B)/b/payload_$*.bin"' \
	    -DPAYLOAD_ALIGN=$(PAYLOAD_ALIGN) -c $< -o $@

$(B)/alba.elf: $(BOOT_O) $(ELF_O) boot/door/elf.lds
	$(call say,LD,$@)
	$(Q)$(LD) -static -z max-page-size=64 -z noexecstack --gc-sections --no-undefined --build-id=none \
	    -T boot/door/elf.lds -o $(B)/b/alba.sym.elf $(BOOT_O) $(ELF_O)
	$(call say,GEN,$@)
	$(Q)$(OBJCOPY) --strip-all $(B)/b/alba.sym.elf $@

# The bzImage: real-mode code in front, then the loader with the packed kernel.
LINUX_O := $(addprefix $(B)/b/boot/door/linux/,entry.o door.o setup_data.o efi.o) $(B)/b/payload_lz4.o
# Much of the EFI door runs once, and waits for the firmware.
EFI_O   := $(patsubst %.c,$(B)/b/%.o,$(wildcard boot/door/efi/*.c)) \
           $(addprefix $(B)/b/,boot/door/efi/entry.o lib/bootcfg.o)
$(EFI_O): BOOT_FLAGS += -Os
# So does what reads tables and parameters, or what nobody waits for.
$(addprefix $(B)/b/,boot/door/linux/door.o boot/door/linux/setup_data.o boot/door/linux/efi.o boot/loader/cpus.o lib/acpi.o \
    lib/format.o boot/loader/initrd.o lib/mptable.o lib/sha256.o): BOOT_FLAGS += -Os
SETUP_FLAGS := $(filter-out -mno-red-zone -O2,$(FREESTANDING)) -m16 -march=i386 -Os -fno-pic \
               -fno-stack-protector
SETUP_C := lib/mem.c lib/string.c $(wildcard boot/door/linux/setup/*.c)
SETUP_O := $(SETUP_C:%.c=$(B)/b16/%.o) \
           $(patsubst %.S,$(B)/b16/%.o,$(wildcard boot/door/linux/setup/*.S))

$(B)/b16/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(SETUP_FLAGS) -c $< -o $@
$(B)/b16/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(SETUP_FLAGS) -c $< -o $@
$(B)/b/setup.bin: $(SETUP_O) boot/door/linux/setup/setup.lds
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_i386 -static -z noexecstack --gc-sections --no-undefined --build-id=none \
	    --no-warn-rwx-segments -T boot/door/linux/setup/setup.lds -o $(B)/b/setup.elf $(SETUP_O)
	$(call say,GEN,$@)
	$(Q)$(OBJCOPY) -O binary $(B)/b/setup.elf $@

$(B)/b/image.bin: $(BOOT_O) $(LINUX_O) $(EFI_O) boot/door/linux/image.lds
	$(call say,LD,$@)
	$(Q)$(LD) -pie --no-dynamic-linker -z max-page-size=4096 -z noexecstack --gc-sections --no-undefined \
	    --build-id=none --no-warn-rwx-segments -T boot/door/linux/image.lds -o $(B)/b/image.elf \
	    $(BOOT_O) $(LINUX_O) $(EFI_O)
	$(call say,GEN,$@)
	$(Q)$(OBJCOPY) -O binary -R .dynamic $(B)/b/image.elf $@
$(B)/b/mkbzimage: boot/tools/mkbzimage.c boot/tools/pe.h lib/linux_params.h boot/loader/payload.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -std=gnu17 -O2 -I. $(filter-out -Wframe-larger-than=%,$(WARN)) -o $@ $<
$(B)/alba.bzImage: $(B)/b/setup.bin $(B)/b/image.bin $(B)/b/mkbzimage
	$(call say,GEN,$@)
	$(Q)$(B)/b/mkbzimage $(B)/b/setup.bin $(B)/b/image.bin $@

# A BIOS disk's boot sector and boot manager (abi/disk.h): 32-bit C. A20, the memory map and the screen
# are asked for by the same code as in the real-mode part above.
MANAGER_FLAGS := $(filter-out -m16,$(SETUP_FLAGS)) -m32 -mregparm=3
MANAGER_C := $(wildcard boot/door/bios/*.c) $(addprefix boot/door/linux/setup/,a20.c cmdline.c console.c memory.c) \
             lib/bootcfg.c lib/fat.c lib/format.c lib/sha256.c lib/string.c
MANAGER_O := $(B)/b32/boot/door/bios/entry.o $(MANAGER_C:%.c=$(B)/b32/%.o)
SECTOR_O  := $(B)/b32/boot/door/bios/boot.o
LINK_BIOS  = $(LD) -m elf_i386 -static -z noexecstack --gc-sections --no-undefined --build-id=none \
             --no-warn-rwx-segments

$(B)/b32/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(MANAGER_FLAGS) -c $< -o $@
$(B)/b32/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(MANAGER_FLAGS) -c $< -o $@
$(B)/b32/boot/door/bios/machine.o: MANAGER_FLAGS += -fno-builtin
$(B)/bios-sector.bin: $(SECTOR_O) boot/door/bios/boot.lds
	@mkdir -p $(B)/b
	$(call say,LD,$@)
	$(Q)$(LINK_BIOS) -T boot/door/bios/boot.lds -o $(B)/b/bios-sector.elf $(SECTOR_O)
	$(Q)$(OBJCOPY) -O binary $(B)/b/bios-sector.elf $@
$(B)/bios-manager.bin: $(MANAGER_O) boot/door/bios/manager.lds
	@mkdir -p $(B)/b
	$(call say,LD,$@)
	$(Q)$(LINK_BIOS) -T boot/door/bios/manager.lds -o $(B)/b/bios-manager.elf $(MANAGER_O)
	$(Q)$(OBJCOPY) -O binary $(B)/b/bios-manager.elf $@

-include $(patsubst %.o,%.d,$(BOOT_O) $(ELF_O) $(LINUX_O) $(EFI_O) $(SETUP_O) $(MANAGER_O) $(SECTOR_O))
.PHONY: images
images: $(B)/alba.elf $(B)/alba.bzImage $(B)/kernel.sha256 $(B)/bios-sector.bin $(B)/bios-manager.bin ## the images that machines boot
all: images
