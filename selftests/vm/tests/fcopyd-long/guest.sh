# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2086
conf=/tmp/fcopyd.conf
modprobe ext4
# Try several times, because the modules depend on each other.
for _ in 1 2 3 4; do
	for module in /long/modules/*.ko; do insmod "$module" 2>/dev/null; done
done
bind_fcopy
mkdir -p /tmp/in /tmp/ext4 /tmp/fat /tmp/ro /tmp/whole
zcat /long/quota.img.gz >/tmp/ext4.img
truncate -s 32M /tmp/fat.img
mkdosfs /tmp/fat.img
disk() { mount -t ext4 -o loop,usrquota /tmp/ext4.img /tmp/ext4; }
disk
mount -t vfat -o loop /tmp/fat.img /tmp/fat
mount -t tmpfs -o ro tmpfs /tmp/ro
device=$(sed -n 's|^\(/dev/loop[0-9]*\) /tmp/ext4 .*|\1|p' /proc/mounts)
check "an ext4 with quotas, in which root may have 8 MiB and nobody 512 KiB" sh -c "/long/quota $device 0 8192 && /long/quota $device 65534 512"
check "and a FAT" grep -q " /tmp/fat vfat " /proc/mounts
seed=$(sed -n 's/.*bench\.seed=\([0-9]*\).*/\1/p' /proc/cmdline)
note "seed $seed (FCOPYD_SEED=$seed repeats its moments)"

# waits: whether the daemon that was started last waits for copies
waits() { [ "$(grep -c 'waiting for Copy-VMFile' /tmp/fcopyd.log)" -ge "$starts" ]; }

state=/tmp/state
start() {
	starts=$(($(grep -c 'waiting for Copy-VMFile' /tmp/fcopyd.log) + 1))
	/long/quota run hv-fcopyd --config=$conf --state-dir=$state >>/tmp/fcopyd.log 2>&1 &
	daemon=$!
	within 30 waits || note "it does not wait: $(tail -n 1 /tmp/fcopyd.log)"
}
end() {
	kill $daemon
	wait $daemon
}
leftovers() { find /tmp/in /tmp/ext4 /tmp/fat -name '.hv-fcopyd.*' | wc -l; }
# whole FILE: whether a file that a copy may have replaced is exactly one of the
# two versions
whole() { cmp -s "$1" /tmp/whole/1 || cmp -s "$1" /tmp/whole/2; }
# unfinished: print how many copies of the log began and did not complete
unfinished() { echo $(($(grep -c ' receiving ' /tmp/fcopyd.log) - $(grep -c ' received ' /tmp/fcopyd.log))); }
moments() { awk -v seed=$seed 'BEGIN { srand(seed); for (i = 0; i < 10; i++) print int(rand() * 1500) * 1000 }'; }

: >$conf
start
say ready
hear refused
check "nothing is left of what was refused" test "$(ls -A /tmp/ro; cd /tmp/ext4 && find . -name '*big*')$(leftovers)" = 0
end
# The quota of a place's user counts.
printf '[/]\nuser=65534\ngroup=65534\n' >$conf
chmod 0777 /tmp/ext4
start
say owner
hear owned
chmod 0755 /tmp/ext4
check "nor of what its owner may not have" test "$(cd /tmp/ext4 && find . -name '*owned*')$(leftovers)" = 0
end
: >$conf
start
say versions
hear versions
cp /tmp/whole/1 /tmp/ext4/k
sync
say "sha $(sha256sum /tmp/whole/1 /tmp/whole/2 | cut -d' ' -f1 | tr '\n' ' ')"
end

# At each moment, the file of the loop device contains what a disk would contain
# after a power loss.
i=0 partial='' kept=0 before=$(unfinished)
state=/tmp/ext4/state
for moment in $(moments); do
	i=$((i + 1))
	start
	say "powered $i"
	hear "cut $i"
	usleep $moment
	kill -STOP $daemon
	workers=$(cat /proc/$daemon/task/$daemon/children)
	for worker in $workers; do kill -STOP $worker; done
	cp /tmp/ext4.img /tmp/cut.img
	kill -KILL $daemon $workers
	wait $daemon
	for worker in $workers; do within 10 over $worker; done
	hear "dark $i"
	umount /tmp/ext4 || partial="$partial $i (umount)"
	mv /tmp/cut.img /tmp/ext4.img
	disk
	whole /tmp/ext4/k || partial="$partial $i"
	start
	kept=$((kept + $(leftovers) + $(ls -A $state | wc -l)))
	end
done
cut=$(($(unfinished) - before))
check "some of the 10 moments at which the power went were in a copy: $cut" test $cut -gt 0
check "after each, the file on the disk is whole: ${partial:-all of them}" test -z "$partial"
check "and the next start leaves nothing beside it" test "$kept" = 0
state=/tmp/state
start
say whole
hear big
check "256 MB have arrived" test "$(stat -c %s /tmp/in/big)" = 268435456
say "big $(sha256sum </tmp/in/big | cut -d' ' -f1)"
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$daemon/status)
check "hv-fcopyd has never had more than 5 MiB of memory ($peak KiB)" test "$peak" -lt 5120
