# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2086
conf=/tmp/fcopyd.conf
# Try several times, because the modules depend on each other.
for _ in 1 2 3 4; do
	for module in /modules/*.ko; do insmod "$module" 2>/dev/null; done
done
bind_fcopy
ln -s /proc/self/mounts /etc/mtab
mkdir -p /disk/btrfs /disk/exfat /lookup /write /autofs /run/in /run/home
ln -s /autofs /run/in/root
ln -s /autofs /disk/link
ln -s /lookup/silent/file /run/home/theirs
chown -h 1000 /run/home /run/home/theirs

# make_disk NUMBER KIND, mount_disk NUMBER KIND: make this file system and mount
# it, or mount it again
make_disk() {
	truncate -s 128M "/tmp/$2.img" && losetup "/dev/loop$1" "/tmp/$2.img" && "mkfs.$2" "/dev/loop$1" && mount_disk "$@" && echo old >"/disk/$2/old"
}
mount_disk() {
	case $2 in
	btrfs) mount -t btrfs "/dev/loop$1" /disk/btrfs ;;
	exfat) mount.exfat-fuse "/dev/loop$1" /disk/exfat ;;
	esac
}
mount_again() { umount "/disk/$2" && within 20 mount_disk "$@"; }
# silent KIND DIR: mount this file system at /DIR, whose server does not answer
servers=''
silent() {
	in_background "/tmp/$2.log" /silent "$1" "/$2"
	servers="$servers $!"
	within 10 grep -q ready "/tmp/$2.log"
}
workers() { [ "$(grep -lx hv-fcopyd-copy /proc/[0-9]*/comm | wc -l)" = "$1" ]; }

starts=0 reloads=0
logged() { [ "$(grep -c "$1" /tmp/fcopyd.log)" = "$2" ]; }
start() {
	hv-fcopyd --config=$conf --state-dir=/tmp/state >>/tmp/fcopyd.log 2>&1 &
	daemon=$!
	starts=$((starts + 1))
	check "hv-fcopyd $starts waits" within 30 logged 'waiting for Copy-VMFile' $starts
}
# reload TEXT: give the daemon this configuration
reload() {
	echo "$1" >$conf
	kill -HUP $daemon
	reloads=$((reloads + 1))
	within 20 logged 'reloaded the configuration' $reloads
}

check "a FUSE whose LOOKUP hangs" silent fuse lookup
check "a FUSE whose WRITE hangs" silent fuse write
check "an automount point that hangs" silent autofs autofs
# Each copy below [/] also looks where the other section is.
printf '[/]\n[/autofs]\nenable=no\n' >$conf
start
number=0
for kind in btrfs exfat; do
	check "$kind: a new file system" make_disk $number $kind
	say "ready $kind"
	hear "copied $kind"
	check "$kind: the copies have left their files, and no temporary" test "$(ls -A /disk/$kind | tr '\n' ' ')" = "new old "
	check "$kind: it is mounted again" mount_again $number $kind
	say "sums $kind $(sha256sum </disk/$kind/new | cut -d' ' -f1) $(sha256sum </disk/$kind/old | cut -d' ' -f1)"
	number=$((number + 1))
done
say shut
hear "ended shut"
reload '[/disk]'
say outside
hear "ended outside"
check "no copy has triggered the automount point outside of its place" test "$(cat /tmp/autofs.log)" = ready

reload ''
say lookup
hear "ended lookup"
check "a worker waits for a LOOKUP" grep -q lookup /tmp/lookup.log
check "it is the only one" workers 1
echo '[/lookup/silent/place]' >/tmp/check.conf
check "--check-config ends, and names the disk" \
	sh -c 'hv-fcopyd --config=/tmp/check.conf --check-config >/tmp/check.log 2>&1 && grep "the disk of /lookup/silent/ does not answer" /tmp/check.log'
say write
hear "ended write"
check "another waits for a WRITE" grep -q write /tmp/write.log
check "both workers are there" workers 2
say autofs
check "a third waits for the automount point" within 60 grep -q mount /tmp/autofs.log
kill $daemon
check "SIGTERM ends hv-fcopyd without an error" end_of $daemon 15
hear "ended autofs"
check "the three workers are there" workers 3
start
say again
hear "ended again"
kill $servers
check "when the file systems end, the workers do" within 20 workers 0
check "no temporary is left on a disk" test -z "$(find /disk -name '.hv-fcopyd.*')"
stop_fcopyd
