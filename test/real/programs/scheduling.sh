# util-linux's and coreutils' programs about CPUs, policies and priorities. No number of a process, nor of CPUs, is said.
chmod 755 /; n() { sed -E 's/(pid|PID) [0-9]+/\1 N/; s/^[0-9]+ \(process ID\)/N (process ID)/; s/\([0-9]+\)/(N)/' ; }
chrt -m; chrt -p $$ | n; chrt -b 0 chrt -p 0 | n; chrt -i 0 sh -c 'chrt -p $$' | n; chrt -f 7 sh -c 'chrt -p $$' | n
chrt -r -R 9 sh -c 'chrt -p $$; (chrt -p 0); sh -c "chrt -p \$\$"' | n; chrt -f 100 true; echo $?; chrt -o 1 true; echo $?
sleep 1000 & s=$!; chrt -f -p 5 $s; chrt -p $s | n; chrt -o -p 0 $s; chrt -p $s | n; chrt -a -r -p 3 $s; chrt -a -p $s | n
nice; nice -n 5 nice; nice -n 5 nice -n 7 nice; nice -n 100 nice; nice -n -3 nice; nice -n -100 nice
renice -n 4 -p $s | n; renice -n 3 -p $s | n; nice -n 2 renice -n 1 -p $$ | n; nice
renice -n 0 -p 999999 2>&1; echo $?; renice -n 0 -p $$ | n; cut -d' ' -f18,19 /proc/$s/stat
ionice -p $$; ionice -c 3 ionice; ionice -c 2 -n 6 ionice; ionice -c 1 -n 0 ionice; ionice -c 2 -n 3 sh -c 'ionice; (ionice)'; ionice -c 3 -p $s; ionice -p $s
taskset 1 nproc; taskset -c 0 nproc; taskset 1 sh -c 'taskset -p $$; taskset -cp $$; grep Cpus_allowed_list /proc/self/status' | n
taskset -c 0 sh -c '(nproc); nproc --all >/dev/null && echo all'; taskset -p 1 $s | tail -1 | n; taskset -cp $s | n
taskset 80000000000000000000000000000000 true 2>&1 | n; taskset 0 true 2>&1 | n; taskset -p 1 999999 2>&1 | n; [ $(nproc) -ge 1 ] && echo nproc
kill $s; wait $s; echo $?
setpriv --reuid=65534 --clear-groups sh -c 'nice -n 3 nice; nice -n -3 nice; chrt -f 1 true; chrt -b 0 chrt -p 0; ionice -c 1 true; ionice -c 3 ionice; renice -n 1 -p 1; taskset -p 1 1 | tail -n +2' 2>&1 | n
[ $(grep -c '^cpu[0-9]' /proc/stat) = $(nproc --all) ] && echo stat; awk '{ print NF }' /proc/loadavg; grep -c '^nr_switches' /proc/self/sched
