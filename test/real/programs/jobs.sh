# bash: traps, job control, coprocesses, process substitution.
is() { until grep -q "^$2" /proc/$1/status; do :; done; }
trap 'echo usr1' USR1; kill -USR1 $$; trap 'echo bye' EXIT; trap 'echo chld' CHLD; /bin/true; trap - CHLD
mkfifo /tmp/gate; trap 'echo term; echo >/tmp/gate' TERM; (is $$ State:.S; kill -TERM $$; read -r x </tmp/gate) &
wait; echo $?; wait $!; echo $?; jobs >/dev/null; trap - TERM
set -m; sleep 100 & is $! Name:.sleep; jobs; kill %1; wait %1; echo $?; sleep 100 & is $! Name:.sleep; kill -STOP %1; is $! State:.T; jobs
kill -CONT %1; kill -9 %1; wait %1; echo $?; set +m
coproc cat; echo hi >&"${COPROC[1]}"; read -r -u "${COPROC[0]}" x; echo "$x"; kill $COPROC_PID; wait
cat <(echo a) <(echo b); tee >(tr a-z A-Z >/tmp/up) <<<low; until [ -s /tmp/up ]; do :; done; cat /tmp/up
mapfile -t l < <(printf 'a\nb\n'); echo "${l[1]}"
exec 7<>/tmp/f; echo text >&7; cat /tmp/f; exec 7>&-; { echo x >&7; } 2>/dev/null || echo closed
(ulimit -n 10; exec 20</dev/null) 2>/dev/null || echo limit; ulimit -c 0; (ulimit -t 1; while :; do :; done); echo $?
(ulimit -f 1; dd if=/dev/zero of=/tmp/big bs=1024 count=10 2>/dev/null); echo $?
bash -c 'kill -SEGV $$'; echo $?; bash -c 'exec nosuch' 2>/dev/null; echo $?; /etc 2>/dev/null; echo $?
printf '#!/bin/sh -e\nfalse\necho no\n' >/tmp/s; chmod +x /tmp/s; /tmp/s; echo $?; echo 'echo plain' >/tmp/p; chmod +x /tmp/p; /tmp/p
read -r -t 0.2 r <>/tmp/gate || echo "timed out $?"; time -p true 2>/dev/null
for i in 1 2 3 4 5 6 7 8; do (exit $i) & p[$i]=$!; done; for i in 8 3 1; do wait ${p[$i]}; echo $?; done
x=$(for i in $(seq 200); do echo $i & done; wait); echo "$x" | sort -n | md5sum; wait -n; echo $?
dash -c 'trap "echo int" INT; kill -INT $$; echo $((3 * 4))'; echo "$(< /tmp/p)"; [[ abc =~ b(.) ]] && echo "${BASH_REMATCH[1]}"
