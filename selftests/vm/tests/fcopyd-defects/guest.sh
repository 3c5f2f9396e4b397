# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154,SC2086,SC2034,SC2317 # functions of letters, called by name
upstream=/upstream/hv_fcopy_uio_daemon
ours=/usr/sbin/hv-fcopyd
modprobe hv_utils
check "vmbus-bind binds the device" bind_fcopy
say version "$(cat /upstream/version)"
syslogd -O /tmp/messages -s 0
mkdir -p /tmp/ro
mount -t tmpfs -o ro tmpfs /tmp/ro
echo platform >/sys/power/pm_test

bound() { device=$(vmbus_device "$fcopy_class") && /usr/lib/udev/vmbus-bind --all && ls "$device"/uio/uio*/maps/map0; }
size() { if [ -e "$1" ]; then stat -c %s "$1"; else echo none; fi; }
alive() { kill -0 $pid 2>/dev/null && ! grep -q '^State:.Z' /proc/$pid/status; }
# Print the state of the daemon: "alive" or its exit status.
state() {
	if alive; then
		echo alive
	else
		wait $pid
		echo "status $?"
	fi
}
dead() { ! alive; }
busy() { cut -d' ' -f14,15 /proc/$pid/stat | tr ' ' '+'; }
lines() { grep -ciE "$1" /tmp/messages /tmp/log | awk -F: '{ n += $2 } END { print n }'; }

begin() {
	rm -rf /tmp/in /tmp/victim /tmp/d
	mkdir /tmp/in
	: >/tmp/stdin
	: >/tmp/messages
	: >/tmp/log
	case $2 in
	d)
		echo untouched >/tmp/victim
		ln -s /tmp/victim /tmp/in/link
		;;
	f) echo old >/tmp/in/f ;;
	esac
	eval "program=\$$1"
	within 20 bound >/dev/null 2>&1
	preload=''
	[ "$2" != n ] || preload=/upstream/count0.so
	LD_PRELOAD=$preload $program -n <>/tmp/stdin >>/tmp/log 2>&1 &
	pid=$!
}

look_a() { size /tmp/in/a; }
look_b() { find /proc/$pid/fd -type l -exec readlink {} \; | grep -c '^/tmp/in/b'; }
look_c() { state; }
look_d() { echo "$(cat /tmp/victim) $(size /tmp/d)"; }
look_e() { stat -c %a /tmp/in/new/e /tmp/in/new | tr '\n' ' '; }
look_f() { size /tmp/in/f; }
look_g() {
	within 20 dead
	state
}
look_h() { size /tmp/in/h; }
look_i() { if [ -e '/tmp/in/Grüße 日本 🎉.txt' ]; then echo right; else find /tmp/in -type f ! -name hello -exec basename {} \; | cat -v; fi; }
look_j() { echo "$(size /tmp/stdin) $(readlink /proc/$pid/fd/0 | grep -c stdin) $(find /proc/$pid/fd -type l -exec readlink {} \; | grep -c '^/tmp/in/')"; }
look_k() { size /tmp/in/k; }
look_l() { state; }
look_m() { lines error; }
look_n() { state; }
look_o() { state; }
state_and_work() {
	state
	if alive; then echo "$(($(busy))) $(lines failed)"; else echo 0 0; fi
}
look_p() {
	[ $who = upstream ] || within 20 dead
	state_and_work
}
look_q() { state; }
look_r() {
	kill -KILL $pid
	wait $pid
	$program --help >/dev/null 2>&1
	help=$?
	unshare -m sh -c "mount -t tmpfs none /sys/bus; $program" >/dev/null 2>&1
	echo "$help $?"
}
look_s() { for map in "$device"/channels/*/ring; do echo "$(stat -c %s "$map") $(($(cat "$device"/uio/uio*/maps/map0/size)))"; done; }
look_t() { grep -c fcopy /upstream/not-on-arm64; }
look_u() { size /tmp/in/u; }
look_v() { cat /tmp/v; }

for who in upstream ours; do
	for letter in a b c d e f g h i j k l m n o q r s t u p v; do
		hear "begin $who $letter"
		begin $who $letter
		say "ready $who $letter"
		if [ $letter = l ]; then
			hear "pause $who"
			kill -STOP $pid
			say "paused $who"
			hear "go on $who"
			kill -CONT $pid
		fi
		if [ $letter = v ]; then
			hear "sleep $who"
			echo disk >/sys/power/state
			sleep 3
			state_and_work >/tmp/v
			# systemd starts a daemon that has ended with 0.
			if grep -q '^status 0' /tmp/v; then
				begin $who v
				within 20 grep -q 'waiting for Copy-VMFile' /tmp/log
			fi
			say "awake $who"
		fi
		hear "look $who $letter"
		# Run this in the same shell, because another process could not
		# wait for the daemon.
		look_$letter >/tmp/facts
		say "facts $who $letter $(tr '\n' ' ' </tmp/facts | sed 's/ $//')"
		kill -KILL $pid 2>/dev/null
		wait $pid
	done
done
