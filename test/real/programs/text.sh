# find, xargs, grep, sed, awk, tar, gzip, diff, perl: pipelines of unmodified programs.
cd /tmp && mkdir w && cd w || exit
for i in $(seq 60); do mkdir -p d$((i % 7))/e$((i % 3)); seq $i $((i * 20)) >d$((i % 7))/e$((i % 3))/f$i.txt; done
find . -name '*.txt' | sort | head -n 5; find . -size +1k -type f | wc -l
find . -name 'f1*' -exec wc -l {} + | awk '{ print $1 }' | sort -n | tail -n 1
find . -name '*.txt' -print0 | xargs -0 -P4 -n5 grep -c 7 | sort -t: -k2 -n | tail -n 3
seq 100 | xargs -P4 -I{} sh -c 'echo {}' | sort -n | md5sum; echo a b c | xargs -n1 -t echo 2>/dev/null
seq 3 | xargs sh -c 'exit 1'; echo $?; seq 3 | xargs -n1 sh -c 'exit 255' 2>/dev/null; echo $?
grep -rl 1199 . | sort; grep -E '^(1|2)[0-9]$' d1/e1/f1.txt | head -n 3; grep -oc x /dev/null; echo $?
sed -n '5,7p;$=' d1/e1/f1.txt; sed -i.bak 's/1/X/g' d1/e1/f1.txt; head -n 2 d1/e1/f1.txt d1/e1/f1.txt.bak
sed '1!G;h;$!d' d1/e1/f1.txt | head -n 2; sed y/abc/xyz/ <<<cab
awk 'BEGIN { while (("seq 3" | getline l) > 0) print "l", l; print "x" | "cat"; close("cat")
    system("exit 3"); printf "%05.2f|%-5s|%x\n", 3.14159, "a", 255; exit 2 }'; echo $?
seq 10 | awk 'NR % 2 { print > "odd"; next } { print > "even" }'; wc -l odd even
tar cf x.tar d0 d1; tar tf x.tar | wc -l; mkdir o; tar xf x.tar -C o; diff -r d0 o/d0 && echo same
tar czf x.tgz d2; tar xzOf x.tgz | wc -c; gzip -k odd; zcat odd.gz | cmp - odd && echo gz
tar cf - d2 | (mkdir p; cd p; tar xpf -); diff -r d2 p/d2 && echo same again
cp -r d1 n; echo new >>n/e2/f8.txt; diff -ru d1 n | grep '^[-+]n'; diff <(seq 3) <(seq 2); echo $?
perl -e '$p = fork; if (!$p) { exit 3 } waitpid $p, 0; print $? >> 8, "\n"; pipe(R, W);
    if (!fork) { close R; print W "child\n"; exit } close W; print <R>; wait; print `echo back`;
    $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select(undef, undef, undef, 30);
    @x = map { $_ * 2 } 1 .. 3; print "@x\n"; print -d "/tmp", "\n"; kill 0, $$ and print "alive\n"'
perl -ne 'print if 2..3' odd; perl -pi -e 's/1/one/' odd; head -n 1 odd
