# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154,SC2317 # functions of letters, called by name
# shellcheck disable=SC2015
guest_says version || exit 1

# These functions build messages in hex, with little-endian numbers.
hex16() { printf '%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)); }
hex32() { hex16 $(($1 & 65535)) && hex16 $(($1 >> 16 & 65535)); }
hex64() { hex32 $(($1 & 4294967295)) && hex32 $(($1 >> 32)); }
zeros() { [ "$1" = 0 ] || printf "%0$((2 * $1))d" 0; }
units() {
	text=$(printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../&00/g')
	printf '%s' "$text"
	zeros $((520 - ${#text} / 2))
}
message() { printf '01000000%s03000000070001000100%s0000000001030000%s' "$(hex32 $((${#1} / 2 + 20)))" "$(hex16 $((${#1} / 2)))" "$1"; }
# start NAME FLAGS SIZE; write OFFSET SIZE, with three bytes of data; end
# OPERATION
start() { message "$(hex32 0)$(zeros 32)$(units "$1")$(units /tmp/in)$(hex32 "$2")$(hex64 "$3")"; }
write() { message "$(hex32 1)$(zeros 36)$(hex64 "$1")$(hex32 "$2")616263"; }
end() { message "$(hex32 "$1")$(zeros 32)"; }
overwrite=1 complete=2 cancel=3

# ask HEX...: send messages, and print the statuses of the answers, or "none"
ask() {
	for hex in "$@"; do
		vmbus_host fcopy "send-hex $hex" "show ${patience}000" 2>&1 | tr -d ' ' |
			sed -n -e 's/^packetnone/none/p' -e 's/^packet.\{40\}\(..\)\(..\)\(..\)\(..\).*/0x\4\3\2\1/p' | tr '\n' ' '
	done
}
# copy OPTIONS...: make a copy, and print its status
copy() { "$bin/copy-vmfile" --timeout "$patience" fcopy.sock --generate 5000:1 --destination /tmp/in/ "$@" 2>&1 | sed -n -e 's/^status \(0x[0-9a-f]*\).*/\1/p' -e 's/^copy-vmfile: .*/none/p'; }
# word N LINE: print the word N of the facts or of a result
word() { echo "$2" | cut -d' ' -f"$1"; }

# say_X sends messages and leaves the answers in $said. judge_X sets $bad if the
# defect shows, and describes in $text what it has observed.
say_a() { said=$(ask "$(start a 0 100000)" "$(write 0 30000)"); }
judge_a() { bad=$([ "$facts" = none ] || [ "$facts" -le 3 ] || echo 1) text="a WRITE of 3 bytes that says 30000: $(word 2 "$said"), file: $facts"; }
say_b() { said=$(ask "$(start b $overwrite 0)" "$(end $complete)" "$(end 0)"); }
judge_b() { bad=$([ "$(word 3 "$said")" != 0x00000000 ] || echo 1) text="a START without its fields, after one with them: $(word 3 "$said"), $facts file open"; }
say_c() {
	vmbus_host fcopy "send-hex 0100000000000000" "sleep 1000" >/dev/null 2>&1
	said=$(copy --source after)
}
judge_c() { bad=$([ "$facts" = alive ] || echo 1) text="a packet of 8 bytes: $facts, the copy after it: $said"; }
say_d() { said="$(copy --source link --force) $(copy --source ../d)"; }
judge_d() { bad=$([ "$facts" = "untouched none" ] || echo 1) text="over a symbolic link and as \"../d\": $said, $([ "${facts#untouched}" = "$facts" ] && echo 'the file that the link names is overwritten' || echo 'the file that the link names is as it was'), file outside: ${facts##* }"; }
say_e() { said=$(copy --source e --destination /tmp/in/new/ --create-full-path); }
judge_e() { bad=$([ "$(word 1 "$facts")" = 644 ] || echo 1) text="mode of a new file: $(word 1 "$facts")"; }
say_f() { said=$(ask "$(start f $overwrite 3)"); }
judge_f() { bad=$([ "$facts" = 4 ] || echo 1) text="a file that is to be replaced, when the copy has only begun: $facts of 4 bytes"; }
say_g() { vmbus_host fcopy "raw-write rx 4 00000040" "raw-write rx 0 00100040" signal "sleep 1500" >/dev/null 2>&1; }
judge_g() { bad=$(case $facts in 'status 74') ;; *) echo 1 ;; esac) text="indices beyond the ring: $(case $facts in 'status 139') echo 'killed by SIGSEGV' ;; 'status 74') echo 'ends with an error' ;; *) echo "$facts" ;; esac)"; }
say_h() { said=$(ask "$(start h 0 100)" "$(write 0 3)" "$(end $cancel)"); }
judge_h() { bad=$([ "$facts" = none ] || echo 1) text="CANCEL: $(word 3 "$said"), what is left: $facts"; }
say_i() { said=$(copy --source 'Grüße 日本 🎉.txt'); }
judge_i() { bad=$([ "$facts" = right ] || echo 1) text="a name beyond ASCII: $said, $([ "$facts" = right ] && echo 'as sent' || echo "\"$facts\"")"; }
say_j() { said=$(ask "$(write 0 3)" "$(end $complete)" "$(start j1 0 3)" "$(start j2 0 3)" "$(start j3 0 3)" "$(end $cancel)"); }
judge_j() { bad=$([ "$facts" = "0 1 0" ] || echo 1) text="WRITE and COMPLETE without START: $(word 1 "$said") and $(word 2 "$said"), $(word 1 "$facts") bytes in standard input, which is $([ "$(word 2 "$facts")" = 1 ] && echo open || echo closed); after three STARTs $(word 3 "$facts") files open"; }
say_k() { said="$(copy --source k --destination /tmp/ro/) $(copy --source k --size 100000)"; }
judge_k() { bad=$([ "$(word 1 "$said")" = 0x80070013 ] && [ "$facts" = none ] || echo 1) text="a read-only file system: $(word 1 "$said"); 5000 bytes of 100000, then COMPLETE: $(word 2 "$said"), file: $facts"; }
say_l() {
	tell "pause $who"
	guest_says "paused $who" >/dev/null || exit 1
	hex=$(end $cancel)
	watch fcopy "send-hex $hex" "send-hex $hex" "send-hex $hex" "drain 6000"
	sleep 1
	tell "go on $who"
	watched >l.out
	said=$(sed -n 's/^drained \([0-9]*\).*/\1/p' l.out)
}
judge_l() { bad=$([ "$said" = 3 ] || echo 1) text="three packets at once: $said answered"; }
say_m() { vmbus_host fcopy signal "sleep 300" signal "sleep 300" signal "sleep 300" signal "sleep 300" signal "sleep 1000" >/dev/null 2>&1; }
judge_m() { bad=$([ "$facts" = 0 ] || echo 1) text="five interrupts without a packet: $facts error lines"; }
say_n() { said=$(copy --source n); }
judge_n() { bad=$([ "$said" = 0x00000000 ] || echo 1) text="the count of interrupts is 0: a copy ends with $said"; }
say_o() {
	hex=$(end $cancel)
	{
		echo "hold on"
		# Interrupt for each packet. The other daemon takes one packet
		# per interrupt, and would otherwise not fill its ring.
		for _ in $(seq 220); do printf 'send-hex %s\nsignal\nsleep 15\n' "$hex"; done
		printf 'sleep 1000\nhold off\ndrain 3000\n'
	} | "$bin/vmbus-host" -t 20 fcopy.sock >o.out 2>&1
	said=$(sed -n 's/^drained \([0-9]*\).*/\1/p' o.out)
}
judge_o() { bad=$([ "$facts$said" = alive220 ] || echo 1) text="220 messages, and a host that reads no answers for a while: $facts, answers: ${said:-none}"; }
say_p() { vmbus_host fcopy rescind "sleep 3000" >/dev/null 2>&1; }
gone() {
	if [ "$(word 1 "$facts")" = alive ]; then
		echo "busy for $(word 2 "$facts")0 ms of 3 s, $(word 3 "$facts") lines of log"
	else
		echo "ends with $(word 2 "$facts")"
	fi
}
judge_p() { bad=$([ "${facts%% 0 0}" = "status 0" ] || echo 1) text="the host takes the device back: $(gone)"; }
say_q() {
	vmbus_host fcopy "packet-raw 0600.0100.0400.0000.0000000000000000.0000000000000000.0000000000000000.0000000000000000" "sleep 1000" >/dev/null 2>&1
	said=$(ask "$(end $cancel)")
}
judge_q() { bad=$([ "$(word 1 "$said")" = 0x00000000 ] || echo 1) text="a packet with impossible lengths, then a message: $said"; }
say_r() { :; }
judge_r() { bad=$([ "$facts" = "0 69" ] || echo 1) text="exit status of --help: $(word 1 "$facts"), of a start without the device: $(word 2 "$facts")"; }
say_s() { :; }
judge_s() { text="the file \"ring\" has $(word 1 "$facts") bytes, the rings $(word 2 "$facts")"; }
say_t() { :; }
judge_t() { bad=$([ "$facts" = 0 ] || echo 1) text="arm64: left out by its Makefile"; }
say_u() { said=$(ask "$(start u 0 100)" "$(write 1099511627776 3)"); }
judge_u() { bad=$([ "$facts" = none ] || [ "$facts" -le 100 ] || echo 1) text="WRITE at 1 TiB into a file of 100 bytes: $(word 2 "$said"), file: $facts"; }
say_v() {
	tell "sleep $who"
	guest_says "awake $who" >/dev/null || exit 1
	said=$(copy --source v)
}
judge_v() { bad=$([ "$said ${facts%% 0 0}" = "0x00000000 status 0" ] || echo 1) text="the machine hibernates: $(gone); a copy after it: ${said:-none}"; }

for who in upstream ours; do
	# The other daemon does not answer every message.
	patience=8
	[ $who = upstream ] || patience=60
	for letter in a b c d e f g h i j k l m n o q r s t u p v; do
		tell "begin $who $letter"
		guest_says "ready $who $letter" >/dev/null || exit 1
		said='' bad='' text=''
		case $letter in
		n | r | s | t) ;;
		# Make a copy that is refused: it negotiates and opens no file.
		j) copy --source hello --destination /tmp/none/ >/dev/null ;;
		*) hello=$(copy --source hello) && [ "$hello" = 0x00000000 ] || note "$who $letter: the copy before it ended with '$hello'" ;;
		esac
		say_$letter
		tell "look $who $letter"
		facts=$(guest_says "facts $who $letter") || exit 1
		facts=${facts#"facts $who $letter "}
		judge_$letter
		# This guest cannot show anything about hv-fcopyd on arm64;
		# other tests build it.
		[ $who$letter != ourst ] || text="arm64: make check builds it and runs its tests"
		note "table $letter | $who | $text"
		case $who$letter in
		ourst) ;;
		*s) check "$letter, $who: not on this kernel: $text" test "$(word 1 "$facts")" = "$(word 2 "$facts")" ;;
		upstream*) check "$letter, upstream does: $text" test "$bad" = 1 ;;
		ours*) check "$letter, ours does not: $text" test -z "$bad" ;;
		esac
		# The message that waited for the ring goes with the daemon,
		# which the guest has ended by now.
		[ $letter != o ] || "$bin/vmbus-host" -t 20 fcopy.sock wait-close "hold off" >o.out 2>&1
		[ $letter != p ] || vmbus_host fcopy wait-released offer wait-offered >p.out 2>&1 || note "$(cat p.out)"
	done
done
