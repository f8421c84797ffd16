# SPDX-License-Identifier: BSD-2-Clause
"""Work at a shell's prompt: each conversation goes as it goes on Linux, where it is held first."""
import re

from talk import (BACKSPACE, CTRL_A, CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_E, CTRL_U, CTRL_W,
                  CTRL_Z, DELETE, ENTER, LEFT, TAB, UP)



def test_pipelines(talk):
    assert talk.line("echo hi") == "hi"
    assert talk.line("seq 20 | grep 1 | wc -l") == "11"
    assert talk.line("yes | head -n 100000 | tail -n 1") == "y"
    assert talk.line("false | true; echo $?; set -o pipefail; false | true; echo $?") == "0\n1"
    assert talk.line("! true | false; echo $?") == "0"
    assert talk.line("for i in 3 1 2; do echo $i; done | sort | tr '\\n' ' '; echo") == "1 2 3 "
    assert talk.line("echo a b c | while read x y; do echo $y; done") == "b c"


def test_redirections(talk):
    assert talk.line("cd $(mktemp -d) && echo one > f; echo two >> f; cat < f") == "one\ntwo"
    assert talk.line("ls none f 2>&1 >/dev/null | wc -l") == "1"
    assert talk.line("ls none f 2>/dev/null") == "f"
    assert talk.line("{ echo out; echo err >&2; } 2>e | cat; cat e") == "out\nerr"
    assert talk.line("exec 5<f; read a <&5; read b <&5; echo $b $a; exec 5<&-") == "two one"
    assert talk.line("set -C; echo x > f; echo $?; echo x >| f; cat f; set +C").endswith("1\nx")
    assert talk.line("echo x > /none/f; echo $?").endswith("1")
    assert talk.line("echo $(( $(wc -c < f) + 1 ))") == "3"


def test_here_documents(talk):
    talk.begin("cat <<END; cat <<'RAW' | tr a-z A-Z")
    for typed in ("two $((1 + 1))", "END", "home $HOME"):
        talk.expect("> ")
        talk.begin(typed)
    talk.expect("> ")
    assert talk.line("RAW") == "two 2\nHOME $HOME"


def test_background_jobs(talk):
    talk.line("sleep 1000 &")
    talk.line("sleep 2000 &")
    listed = sorted(talk.line("jobs").split("\n"))
    assert [re.sub(r" +", " ", job) for job in listed] == ["[1]- Running sleep 1000",
                                                           "[2]+ Running sleep 2000"]
    said = talk.line("kill %1")
    assert "Terminated" in said + talk.line("wait %1") + talk.line("")
    assert "sleep 2000" in talk.line("jobs -l")
    talk.line("kill -9 %2; wait %2")
    talk.line("")
    assert talk.line("jobs") == ""
    assert talk.line("(exit 5) & wait $!; echo status $?").startswith("status 5")


def test_stop_and_continue(talk):
    talk.script("exec sleep 1000")
    talk.keys(CTRL_Z)
    assert "Stopped" in talk.prompt()
    assert talk.status() == 128 + 20
    assert "Stopped" in talk.line("jobs")
    assert "[1]" in talk.line("bg %1")
    assert "Running" in talk.line("jobs")
    talk.begin("fg")
    talk.expect("sleep 1000")
    talk.keys(CTRL_C)
    talk.prompt()
    assert talk.status() == 130
    assert talk.line("jobs") == ""


def test_a_stopped_pipeline(talk):
    talk.script('exec sleep 1000', " | cat")
    talk.keys(CTRL_Z)
    assert "Stopped" in talk.prompt()
    talk.begin("fg")
    talk.expect("cat\r\n")
    talk.keys(CTRL_C)
    talk.prompt()
    assert talk.line("jobs") == ""


def test_interrupt(talk):
    talk.script("exec sleep 1000")
    talk.keys(CTRL_C)
    assert talk.prompt() == "^C"
    assert talk.status() == 130
    talk.begin("yes")
    talk.expect("y\r\ny\r\n")
    talk.keys(CTRL_BACKSLASH)
    said = talk.prompt()  # the key's echo may come between what is still written
    assert "^\\" in said and said.endswith("Quit")
    assert talk.status() == 131
    talk.keys("half a line", CTRL_C)
    talk.prompt()
    assert talk.status() == 130


def test_interrupt_of_a_busy_loop(talk):
    """It does not read, write or sleep: the clock's interrupt must find it."""
    talk.script('while :; do :; done')
    talk.keys(CTRL_C)
    talk.prompt()
    assert talk.status() == 130
    assert talk.line("i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i") == "1000"


def test_traps(talk):
    talk.script('trap "echo caught; exit 3" INT; echo set""tled; while :; do sleep 1; done')
    talk.expect("settled")
    talk.keys(CTRL_C)
    talk.expect("caught")
    talk.prompt()
    assert talk.status() == 3
    assert talk.line("sh -c 'trap \"echo bye\" EXIT; exit 4'; echo $?") == "bye\n4"
    assert talk.line("sh -c 'trap \"\" TERM; kill $$; echo lives'") == "lives"
    assert talk.line("sh -c 'kill -9 $$'; echo $?").endswith("137")
    assert talk.line("timeout 1 sleep 1000; echo $?").endswith("143")


def test_end_of_input(talk):
    talk.run("cat")
    talk.begin("typed")
    talk.expect("typed\r\n")
    talk.keys("no newline", CTRL_D)
    talk.expect("no newlineno newline")
    talk.keys(CTRL_D)
    talk.prompt()
    assert talk.status() == 0
    talk.run("cat > /tmp/alba-typed; cat /tmp/alba-typed; rm /tmp/alba-typed")
    talk.keys("one", BACKSPACE, "ly", ENTER)
    talk.expect("ly\r\n")
    talk.keys("word gone", CTRL_W, "kept", ENTER)
    talk.expect("kept\r\n")
    talk.keys("line gone", CTRL_U, "end", ENTER)
    talk.expect("end\r\n")
    talk.keys(CTRL_D)
    assert talk.prompt() == "only\nword kept\nend"
    talk.keys(CTRL_D)
    assert talk.ended() == 0


def test_reading_in_the_background_stops(talk):
    talk.line("cat &")
    talk.line("sleep 0.1; :")
    assert "tty input" in talk.line("") + talk.line("jobs")
    talk.begin("fg")
    talk.expect("cat\r\n")
    talk.begin("through")
    talk.expect("through\r\n")
    talk.keys(CTRL_D)
    talk.prompt()


def test_writing_in_the_background_stops_with_tostop(talk):
    talk.line("stty tostop; (echo wri\"\"ting) &")
    while "tty output" not in talk.line("jobs"):
        pass
    talk.line("stty -tostop")
    assert "writing" in talk.line("fg")


def test_raw_mode(talk):
    talk.begin("stty raw -echo; echo ready; head -c 5 | od -An -tx1; stty sane")
    talk.expect("ready\n")
    talk.keys(CTRL_C, CTRL_Z, ENTER, CTRL_D, "x")
    assert "03 1a 0d 04 78" in talk.prompt()
    talk.run("stty -echo; echo set\"\"tled; read secret; stty echo; echo got $secret")
    talk.expect("settled\r\n")
    talk.keys("password", ENTER)
    assert talk.prompt().strip() == "got password"
    talk.run("stty -icanon min 0 time 2; head -c 1 | wc -c; stty sane")
    assert talk.prompt() == "0"
    assert talk.line("read -t 0.2 x; echo $?").endswith("1")
    talk.run("stty -echo; echo set\"\"tled; read -s -n 3 x; stty echo; echo \"<$x>\"")
    talk.expect("settled\r\n")
    talk.keys("abc")
    assert talk.prompt() == "<abc>"


def test_modes_of_the_terminal(start):
    said = [start(place).line("stty -a") for place in ("here", "alba")]
    # A pseudo terminal has no modem to hang up on.
    assert said[1].replace(" hupcl", " -hupcl") == said[0].replace(" hupcl", " -hupcl")


def test_window_size(talk):
    assert talk.line("stty size") == "24 200"
    talk.script('trap "stty size; exit" WINCH; echo set""tled; while :; do sleep 1; done')
    talk.expect("settled")
    talk.child.setwinsize(50, 132)
    talk.expect("50 132")
    talk.prompt()
    assert talk.line("stty size; stty rows 10; stty size") == "50 132\n10 132"


def test_line_editing(talk):
    talk.keys("echo  world", LEFT * 6, "hello", CTRL_E, "s", BACKSPACE, "!", ENTER)
    assert talk.prompt().endswith("hello world!")
    talk.keys("cho x", CTRL_A, "e", CTRL_E, CTRL_W, "y", ENTER)
    assert talk.prompt().endswith("\ny")
    talk.keys("wrong", CTRL_U, "echo ab", LEFT, DELETE, "c", ENTER)
    assert talk.prompt().endswith("\nac")


def test_history(talk):
    talk.line("echo first")
    talk.line("echo second")
    talk.keys(UP, UP, ENTER)
    assert talk.prompt().endswith("\nfirst")
    assert [line.split(None, 1)[1] for line in talk.line("history").split("\n")[:3]] \
        == ["echo first", "echo second", "echo first"]


def test_completion(talk):
    talk.line("cd $(mktemp -d); echo inside > a_long_name.txt")
    talk.keys("cat a_l", TAB, ENTER)
    assert talk.prompt().endswith("a_long_name.txt \x1b[J\ninside")
    talk.line("touch a_long_other")
    talk.keys("ls a_l", TAB)
    talk.expect("a_long_")
    talk.keys("o", TAB, ENTER)
    assert talk.prompt().endswith("a_long_other")


def test_a_long_line(talk):
    """A line of the terminal in canonical mode holds 4095 characters and its end."""
    talk.run("wc -c")
    talk.keys("x" * 3000, ENTER)
    talk.expect("x" * 3000 + "\r\n")
    talk.keys(CTRL_D)
    assert talk.prompt().endswith("3001")
    talk.begin("stty -echo; echo ready; wc -c; stty echo")
    talk.expect("ready\r\n")
    talk.keys("x" * 5000, ENTER, CTRL_D)
    assert talk.prompt() == "4096"


def test_flow_control(talk):
    talk.run('read x; echo go""ne')
    talk.keys("\x13", "y", ENTER, "\x11")
    talk.expect("gone")
    talk.prompt()
