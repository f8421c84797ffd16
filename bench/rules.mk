# Figures: instruction counts by a plugin of ours, next to their budgets.
BENCH_BIN := build/bench/hello build/bench/microbench build/bench/scaling
build/bench/%: bench/%.c bench/mark.h
	@mkdir -p $(@D)
	@musl-gcc -static -O2 -s -std=gnu17 -Wall -Wextra -Werror -Wno-unused-result -D_GNU_SOURCE -I. -pthread -o $@ $<
build/bench/count.so: bench/count.c
	@mkdir -p $(@D)
	@$(HOSTCC) $(COMMON) -fPIC -shared -o $@ $<

.PHONY: bench
bench: all $(BENCH_BIN) build/bench/count.so ## figures and their budgets
	@$(PYTHON) bench/run.py
