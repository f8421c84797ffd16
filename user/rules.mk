# The programs of ours that run on the kernel. run: PID 1 of a machine that `alba run` makes; static,
# no C library, linked small (code and read-only data in one segment).
USER_FLAGS := $(COMMON) -ffreestanding -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
        -fno-common -ffunction-sections -fdata-sections -mgeneral-regs-only -fcf-protection=none -Os -Wframe-larger-than=8192
RUN_C := $(wildcard user/run/*.c) lib/mem.c lib/string.c lib/format.c
RUN_O := $(RUN_C:%.c=$(B)/u/%.o) $(B)/u/user/run/start.o

$(B)/u/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(USER_FLAGS) -c $< -o $@
$(B)/u/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(USER_FLAGS) -c $< -o $@

$(B)/user/run: $(RUN_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LD) -static --gc-sections --no-undefined --build-id=none -z noseparate-code -z norelro \
	    -z noexecstack --strip-all -e _start -o $@ $(RUN_O)

-include $(RUN_O:.o=.d)

# The vDSO: woven into the kernel image (kernel/personality/linux/ARCH/vdso_image.S).
VDSO_FLAGS := $(COMMON) -ffreestanding -fPIC -fno-stack-protector -fno-asynchronous-unwind-tables \
        -fcf-protection=none -mgeneral-regs-only -fno-builtin -g0
$(B)/user/vdso.o: user/vdso/vdso.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(VDSO_FLAGS) -c $< -o $@
$(B)/user/vdso.so: $(B)/user/vdso.o user/vdso/vdso.lds
	$(call say,LD,$@)
	$(Q)$(LD) -shared --hash-style=both --build-id=none -z noexecstack -z norelro -soname linux-vdso.so.1 \
	    --strip-all -T user/vdso/vdso.lds -o $@ $<
-include $(B)/user/vdso.d
