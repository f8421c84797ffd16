# The command people use: build/alba. Needs libarchive (Debian: libarchive-dev).
ALBA_VERSION := 0.1
ALBA := $(if $(filter build/$(ARCH),$(B)),build/alba,$(B)/alba)
HOST_FLAGS := $(COMMON) -D_GNU_SOURCE -DALBA_VERSION='"$(ALBA_VERSION)"' -Wframe-larger-than=16384 \
        -fstack-protector-strong -D_FORTIFY_SOURCE=2
HOST_C := $(wildcard host/*.c)
HOST_O := $(HOST_C:%.c=$(B)/h/%.o) $(B)/h/lib/sha256.o $(B)/h/host/embed.o
# The BIOS door of disks (boot/door/bios) is part of the command.
BIOS_SECTOR  := $(B)/bios-sector.bin
BIOS_MANAGER := $(B)/bios-manager.bin

$(B)/h/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(HOSTCC) $(HOST_FLAGS) -c $< -o $@
$(B)/h/host/embed.o: host/embed.S $(B)/user/run $(BIOS_SECTOR) $(BIOS_MANAGER)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(HOSTCC) -DRUN_PROGRAM='"$(B)/user/run"' -DBOOT_SECTOR='"$(BIOS_SECTOR)"' \
	    -DBOOT_MANAGER='"$(BIOS_MANAGER)"' -c $< -o $@

$(ALBA): $(HOST_O)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -o $@ $(HOST_O) -larchive -lm

-include $(HOST_O:.o=.d)

.PHONY: alba
alba: $(ALBA) ## the command build/alba
all: $(ALBA)

PREFIX ?= /usr/local
.PHONY: install
install: $(ALBA) $(B)/alba.elf $(B)/alba.bzImage ## alba, its kernel and its manual, below PREFIX (/usr/local)
	install -D $(ALBA) $(DESTDIR)$(PREFIX)/bin/alba
	install -D -m 644 $(B)/alba.elf $(DESTDIR)$(PREFIX)/lib/alba/alba.elf
	install -D -m 644 $(B)/alba.bzImage $(DESTDIR)$(PREFIX)/lib/alba/alba.bzImage
	install -D -m 644 doc/alba.1 $(DESTDIR)$(PREFIX)/share/man/man1/alba.1

# A root file system with nothing but busybox, its links, and what a shell looks for.
BUSYBOX ?= $(shell command -v busybox)
BUSYBOX_ROOT := $(B)/root

$(BUSYBOX_ROOT)/etc/passwd: $(BUSYBOX) host/rules.mk
	$(call say,ROOT,$(BUSYBOX_ROOT))
	$(Q)rm -rf $(BUSYBOX_ROOT)
	$(Q)mkdir -p $(addprefix $(BUSYBOX_ROOT)/,bin sbin usr/bin usr/sbin etc root)
	$(Q)cp $(BUSYBOX) $(BUSYBOX_ROOT)/bin/busybox
	$(Q)for name in $$($(BUSYBOX) --list-full); do \
	    test -e $(BUSYBOX_ROOT)/$$name || test -L $(BUSYBOX_ROOT)/$$name || ln -s /bin/busybox $(BUSYBOX_ROOT)/$$name; done
	$(Q)echo 'root:x:0:' > $(BUSYBOX_ROOT)/etc/group
	$(Q)echo 'root:x:0:0:root:/root:/bin/sh' > $@

.PHONY: run
run: $(ALBA) $(B)/alba.elf $(BUSYBOX_ROOT)/etc/passwd ## a busybox prompt on Alba
	@$(ALBA) run -it --root $(BUSYBOX_ROOT) -w /root -e 'PS1=\w \$$ ' sh || [ $$? != 125 ]

# The same prompt on a disk. That the root was put together just now is not told.
$(B)/alba.img: $(ALBA) $(B)/alba.bzImage $(BUSYBOX_ROOT)/etc/passwd
	$(call say,GEN,$@)
	$(Q)SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-0} $(ALBA) image -o $@ --root $(BUSYBOX_ROOT) -w /root -e 'PS1=\w \$$ ' --title 'busybox prompt' sh
.PHONY: image
image: $(B)/alba.img ## build/x86_64/alba.img, a disk that starts to a busybox prompt
all: $(B)/alba.img
