# coreutils, as a stranger uses them. What depends on the machine or the day is left out.
cd /tmp && mkdir w && cd w || exit
mkdir -p a/b/c; echo hi >a/f; ln -s f a/l; ln a/f a/h; mkfifo a/p
touch -d '2001-02-03 04:05:06.123456789Z' a/t; chmod 4755 a/t; cp -a a z
stat -c '%n %a %u:%g %h %s %F' z/t z/l z/p z/f a/h; stat -c %y z/t
ls -lR z | awk '{ print $1, $2, $3, $4, $5, $9, $10, $11 }' | sed 's/^total.*//'
mv z y; mv y/f y/g; du -sb y; rm -rf y; ls
seq 50000 | shuf --random-source=/dev/zero | sort -n -S 1M -T /tmp | md5sum
seq 1000 | split -l 100 - part.; ls part.* | wc -l; cat part.* | md5sum
seq 5 | tee t1 t2 | tac; cmp t1 t2 && echo same
timeout 0.3 sleep 10; echo $?
nohup sh -c 'echo n' >nh 2>&1; cat nh; env -i A=b env; env -u HOME sh -c 'echo ${HOME-unset}'
dd if=/dev/zero of=sp bs=1 seek=1M count=1 2>/dev/null; stat -c %s sp; du -k sp
truncate -s 5G big; stat -c %s big; du -k big; fallocate -l 1M fa; stat -c '%s %b' fa; rm big
ln -sf nonexist dl; cat dl; readlink -f a/l; realpath -m x/../y; [ -e dl ] || echo dangling
ln -s loop1 loop2; ln -s loop2 loop1; cat loop1; rmdir a; rm a; mv a a/b; mkdir a; touch nodir/x
install -m 640 t2 ins; stat -c %a ins; touch -r a/t ins; stat -c %y ins; date -u -r a/t +%s
umask 077; touch um; stat -c %a um; mknod nod c 1 3; echo x >nod; stat -c '%t %T %F' nod
mknod pp p; (echo through >pp &); cat pp
nice -n 5 nice; whoami; id; tty; echo $?; pwd -P; yes | head -n 2; echo $((0x10)); chroot / /bin/echo in
cat /proc/self/status | grep -c '^Name:.cat'; readlink /proc/self/exe; cat /proc/self/comm
df / >/dev/null && echo df; df --output=used / | tail -n 1 | grep -c '^ *[1-9]'
