#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs busybox's own tests, in a root file system whose /bin is busybox and whose /suite is its source
# tree (shell/, testsuite/, .config). The same on Linux and on Alba. Says, beyond what tests print:
#
#   @@ group NAME      tests of testsuite/NAME.tests and testsuite/NAME/*, or of ash_test/NAME, follow
#   @@ ended STATUS    the group is through (143: it hung)
#   @@ done            all groups are through
limit=${LIMIT:-300}
suite=/suite
export bindir=$suite tsdir=$suite/testsuite VERBOSE=1 ECHO=echo SKIP= LC_ALL=C HOME=/root
unset LANG
flags=$(sed -n 's/^CONFIG_//; s/=.*//p' $suite/.config | tr '\n' ':')
export OPTIONFLAGS=:$flags
export PATH=/links:$tsdir:/bin
export THIS_SH=/links/ash
eval "$(sed -n 's/^CONFIG_/export &/p' $suite/.config)"

# A test in the old style: a script that must succeed, in a directory of its own.
old_test()
{
    for feature in CONFIG_$(echo "$1" | tr a-z A-Z) $(sed -n 's/^# FEATURE: //p' "$2"); do
        if grep -q "^# $feature is not set\$" $suite/.config; then
            echo "UNTESTED: ${2##*/}"
            return
        fi
    done
    mkdir "/work/$1" && cd "/work/$1" || return
    if d=$tsdir sh -x -e "$2" >/work/said 2>&1 </dev/null; then
        echo "PASS: ${2##*/}"
    else
        echo "FAIL: ${2##*/}"
        cat /work/said
    fi
    cd /work && rm -rf "/work/$1"
}

applet_group()
{
    for test in "$tsdir/$1"/*; do
        [ -f "$test" ] && old_test "$1" "$test"
    done
    if [ -f "$tsdir/$1.tests" ]; then
        # Some tests look for ../scripts, and for their data beside them.
        cd $tsdir && "./$1.tests" </dev/null
    fi
}

# The shell's tests: a script and what it must say.
shell_group()
{
    PATH=$suite/shell/ash_test:$PATH
    cd "$suite/shell/ash_test/$1" || return
    for test in *.tests; do
        right=${test%.tests}.right
        [ -x "$test" ] && [ -f "$right" ] || continue
        $THIS_SH "./$test" </dev/null 2>&1 |
            grep -va '^ash: using fallback suid method$' >/work/said
        if cmp -s /work/said "$right"; then
            echo "PASS: ${test%.tests}"
        else
            echo "FAIL: ${test%.tests}"
            diff -u "$right" /work/said
        fi
    done
}

case ${1-} in
applet_group | shell_group)
    "$@"
    exit
    ;;
esac

mkdir -p /links /work /tmp /root
for name in $(/bin/busybox --list); do
    echo "/links/$name"
done | xargs -n 1 ln -s /bin/busybox
for group; do
    kind=applet_group
    [ -d "$suite/shell/ash_test/$group" ] && kind=shell_group
    echo "@@ group $group"
    timeout "$limit" sh /busybox_suite.sh $kind "$group" 2>&1
    echo "@@ ended $?"
done
echo "@@ done"
