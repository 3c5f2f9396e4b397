# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
modprobe hv_utils
check "vmbus-bind binds the device" bind_fcopy

# begin RECORDING: empty /tmp/in, and start a daemon that records
begin() {
	rm -rf /tmp/in /tmp/state
	mkdir -p /tmp/in
	echo old >/tmp/in/old
	hv-fcopyd --foreground --state-dir=/tmp/state --record="$1" >>/tmp/fcopyd.log 2>&1 &
	daemon=$!
	within 20 has '^state=waiting'
}
has() { hv-fcopyd --status | grep -q "$1"; }
end() {
	kill $daemon
	wait $daemon
}
# files: print the names and sizes of the files that have arrived
files() { (cd /tmp/in && find . -type f -exec stat -c '%n %s' {} + | sort); }
# messages RECORDING: print the messages of the host and then those of the
# guest, without the times, because a message and an answer may cross
messages() { for side in host guest; do sed -n "s/^[0-9]* $side /$side /p" "$1"; done; }

check "a first hv-fcopyd begins" begin /tmp/first
say ready
hear copied
check "it ends cleanly" end
files >/tmp/files
check "only root can read the recording" test "$(stat -c %a /tmp/first)" = 600
check "it is complete" sh -c 'head -n 1 /tmp/first | grep -q "^0 begin hv-fcopyd-record=1 " && tail -n 1 /tmp/first | grep -q " end reason=stopped$"'
check "it has the device, the driver's version and the rings" grep -qE '^[0-9]+ open device=/dev/uio[0-9]+ class=34d14be3-.* instance=eb765408-.* driver=uio_hv_generic module=[^ ]+ relid=[1-9][0-9]* to-host=[0-9]+ from-host=[0-9]+ monitored=0$' /tmp/first
check "it has names as they were sent" grep -q 'what=START .* source=secret destination=/tmp/in/secret ' /tmp/first
check "it has wake-ups, signals and masks" sh -c 'grep -q " wake error=0$" /tmp/first && grep -q " signal count=1$" /tmp/first && grep -q " ring text=to the host: .*interrupt mask " /tmp/first'
# The file has lines "the quick brown fox 0123456789", and the numbers are their
# bytes.
check "it has no contents of files" sh -c '! grep -qiE "quick|brown|56789|717569636b|62726f776e|3536373839" /tmp/first'
check "those would be found" sh -c 'grep -q brown /tmp/in/secret && od -An -v -tx1 /tmp/in/secret | tr -d " \n" | grep -q 62726f776e'
check "a file that exists is no recording" sh -c 'hv-fcopyd --foreground --state-dir=/tmp/state --record=/tmp/first 2>/tmp/refused; test $? = 73 && grep -q "/tmp/first: File exists" /tmp/refused'

while read -r line; do say "record $line"; done </tmp/first
say "sum $(sha256sum </tmp/first)"
check "a second hv-fcopyd begins" begin /tmp/second
say again
hear replayed
check "it ends cleanly" end
check "the same files are there" sh -c 'cd /tmp/in && find . -type f -exec stat -c "%n %s" {} + | sort | diff /tmp/files - && grep -q secret /tmp/files'
check "their contents are made up" test "$(tr -d '[:upper:]' </tmp/in/secret | wc -c)" = 0
messages /tmp/first >/tmp/first.messages
messages /tmp/second >/tmp/second.messages
check "both recordings have the same messages" sh -c 'diff /tmp/first.messages /tmp/second.messages && test -s /tmp/first.messages'

begin /tmp/third
echo another >/tmp/in/secret
say differently
hear compared
hear "taken back"
wait $daemon
check "hv-fcopyd ends with the device (exit status $?)" grep -q ' end reason=rescinded$' /tmp/third
