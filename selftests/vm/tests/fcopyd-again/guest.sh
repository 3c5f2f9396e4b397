# SPDX-License-Identifier: GPL-2.0-only
. /bench/hold.sh
modprobe ext4
[ ! -e /brd.ko ] || insmod /brd.ko rd_nr=1 rd_size=32768
bind_fcopy
# On a tmpfs, the daemon reserves nothing in START, and fsync() does nothing.
mkdir -p /tmp/in
check "a RAM disk has an ext4" sh -c 'zcat /disk.gz >/dev/ram0'
check "the files arrive on an ext4" mount -t ext4 /dev/ram0 /tmp/in
hv-fcopyd --verbose --state-dir=/tmp/state >/tmp/fcopyd.log 2>&1 &
daemon=$!
logged() { grep -q "$1" /tmp/fcopyd.log; }
check "hv-fcopyd waits" within 20 logged 'waiting for Copy-VMFile'
# failed N: whether the log has this number of failed copies
failed() { [ "$(grep -cE '^hv-fcopyd: /[^ ]*: (refused|lost)' /tmp/fcopyd.log)" = "$1" ]; }

free_bytes() { stat -f -c '%f %S' /tmp/in | { read -r blocks size && echo $((blocks * size)); }; }
# nothing_of NAME: whether there is neither the file nor an unfinished one, and
# as much space is free as $before
nothing_of() { [ -z "$(find /tmp/in -name "$1*" -o -name '.hv-fcopyd.*')" ] && [ "$(free_bytes)" = "$before" ]; }

# arrived NAME: check that the file has arrived exactly once. The host checks
# its contents.
arrived() {
	check "$1: the file is there once" test "$(find /tmp/in -name "$1*" | wc -l) $(grep -c "/tmp/in/$1: received" /tmp/fcopyd.log)" = "1 1"
	say "digest $1 $(sha256sum <"/tmp/in/$1" | cut -d' ' -f1)"
}

# Measure the space while data arrives.
before=$(free_bytes)
hold process start ext4_file_write_iter
say negotiate
wait_held
during=$(free_bytes)
let_go
hear "ended negotiate"
was_held
check "1000000 bytes have been reserved: $before bytes are free before the copy, $during during it" test $((before - during)) -ge 1000000
check "a NEGOTIATE ends the copy: its worker has ended" within 5 sh -c "! grep -q . /proc/$daemon/task/$daemon/children"
check "nothing is left of it, and its space is free again" within 5 nothing_of cut
check "a copy has failed" within 5 failed 1
say after
hear "ended after"
arrived cut

before=$(free_bytes)
hold process start ext4_fallocate
say stuck
wait_held
hear "answered stuck"
check "the disk has stood still for START until the host had its answer" is_held
check "the log says why" within 5 logged "/tmp/in/stuck: .*: the disk takes too long: more than 25 s to make room"
let_go
check "nothing is left of it" within 10 nothing_of stuck
was_held
stop_fcopyd
