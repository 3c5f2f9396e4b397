# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
ok=0x00000000
yes "the quick brown fox 0123456789" | head -c 15000 >secret

replay() { "$bin/replay-fcopy" --timeout 60 fcopy.sock recording >replay.out 2>&1; }

guest_says ready || exit 1
copy_vmfile fcopy secret --destination /tmp/in/secret >copy.out 2>&1 || note "$(cat copy.out)"
copy_vmfile fcopy --generate 0:1 --source empty --destination /tmp/in >copy.out 2>&1 || note "$(cat copy.out)"
copy_vmfile fcopy --generate 6144:1 --destination /tmp/in/old >copy.out 2>&1
copy_vmfile fcopy --generate 7000:1 --destination /tmp/in/old --force >copy.out 2>&1 || note "$(cat copy.out)"
copy_vmfile fcopy --generate 20000:1 --destination /tmp/in/cancelled --cancel-after 10000 >copy.out 2>&1
copy_vmfile fcopy --generate 8000:1 --destination /tmp/in/twice --twice >copy.out 2>&1 || note "$(cat copy.out)"
copy_vmfile fcopy --generate 20000:1 --destination /tmp/in/cut --renegotiate-after 10000 >copy.out 2>&1 || note "$(cat copy.out)"
copy_vmfile fcopy --generate 5000:1 --size 9000 --destination /tmp/in/short >copy.out 2>&1
copy_vmfile fcopy --generate 9000:1 --source 'Ü 漢.txt' --destination '/tmp/in/new/deep/' --create-full-path >copy.out 2>&1 || note "$(cat copy.out)"
tell copied

sum=$(guest_says sum) || exit 1
guest_says again || exit 1
sed -n 's/^say record //p' ctl.log >recording
check "the recording has come to the host" test "sum $(sha256sum <recording)" = "$sum"
check "a replay has the same answers" replay || note "$(tr '\n' ';' <replay.out)"
check "and says how many" grep -qE '^sent [1-9][0-9]+ packets, [1-9][0-9]+ answers, 0 differences$' replay.out
tell replayed

guest_says differently || exit 1
# One file exists already, so the daemon refuses its START and the messages
# after it.
check "a difference is found" sh -c '! "$@"' sh "$bin/replay-fcopy" --timeout 60 fcopy.sock recording
cp check.out replay.out
check "and named" grep -qx "difference in line [0-9]*: the status is 0x80070050, in the recording $ok" replay.out ||
	note "$(head -n 5 replay.out | tr '\n' ';')"
copy_is $ok "a copy after the replay" --generate 5000:1 --destination /tmp/in/after
tell compared
vmbus_host fcopy rescind >rescind.out 2>&1 || note "$(cat rescind.out)"
tell "taken back"
