# Many programs at a time: make -j, xargs -P, sort --parallel, xz -T, git beside git.
cd /tmp && mkdir w && cd w || exit
for i in $(seq 12); do printf 'int f%d(int x) { return x + %d; }\n' $i $i >f$i.c; done
{ for i in $(seq 12); do echo "int f$i(int);"; done; echo '#include <stdio.h>'
  echo 'int main(void) { int x = 0;'; for i in $(seq 12); do echo "x = f$i(x);"; done
  echo 'printf("%d\n", x); return 0; }'; } >main.c
printf 'prog: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\t@gcc -o $@ $^\n%%.o: %%.c\n\t@gcc -O2 -c $<\n' >Makefile
make -j4 && ./prog; ls *.o | wc -l; make -j4
seq 400 | xargs -P8 -n7 sh -c 'for i; do echo $((i * i)); done' sh | sort -n | md5sum
seq 64 | xargs -P4 -I{} sh -c 'mkdir -p d{}/e; seq {} 2000 >d{}/e/f; cp d{}/e/f d{}/g; mv d{}/g d{}/h; rm -r d{}/e'
find . -name h -print0 | xargs -0 -P4 -n3 md5sum | sort -k2 | md5sum; find . -type f -name h | wc -l
seq 200000 | shuf --random-source=/dev/zero >s; sort -n --parallel=4 -S 8M s | md5sum; sort --parallel=2 -S 256K s | md5sum
xz -T4 --block-size=256KiB -1 -k s && xz -dc s.xz | cmp - s && echo xz
for i in 1 2 3 4; do (tar cf - d$i* | gzip -1 | gzip -d | tar tf - | wc -l >t$i) & done; wait; cat t1 t2 t3 t4
export GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z' GIT_PAGER=cat
git config --global user.email a@b.c; git config --global user.name n; git config --global init.defaultBranch main
git init -q r; (cd r; for i in $(seq 150); do seq $i 300 >n$i; done; git add .; git commit -qm first)
for i in 1 2 3 4; do (git clone -q --no-local r c$i && cd c$i && seq $i >n$i && git commit -qam "change $i" &&
    git repack -qadf && git fsck && git log --oneline --stat >../log$i) & done; wait; cat log1 log2 log3 log4
for i in 1 2 3 4; do git -C r pull -q --no-rebase --no-edit ../c$i main; done; git -C r log --oneline | wc -l; git -C r status --short
perl -e 'for my $i (1 .. 40) { next if fork; $x += $_ for 1 .. 5000 * ($i % 7); exit $i % 7 }
    my $sum = 0; while (wait > 0) { $sum += $? >> 8 } print "$sum\n"'
