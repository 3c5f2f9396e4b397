# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154
# run sources this file. It sums up the results of the guests.

# console_lines FILE: print the guest's console from the first complaint of its
# kernel on, or the end of a console without one
console_lines() {
	local first
	[ -s "$1" ] || return 0
	first=$(grep -m 1 -nFf "$vm/complaints" "$1" | cut -d: -f1) || true
	if [ -n "$first" ]; then sed -n "$first,$((first + 39))p" "$1"; else tail -n 40 "$1"; fi |
		tr -d '\0\r' | cut -c 1-160 | sed 's/^/# console: /'
}

# verdict: print the results of each test, and a failure for a test that left
# none; write them to results.tap; fail if a result is a failure
verdict() {
	local selection name title line passed skipped failed
	for selection in "$results"/[0-9]*/; do
		[ -d "$selection" ] || continue
		name=$(basename "$selection")
		title=${name#???-}
		if [ ! -s "$results/$name/results" ] || [ ! -e "$results/$name/seconds" ]; then
			echo "not ok bench the guest ran, and left results" >>"$results/$name/results"
		fi
		while IFS= read -r line; do
			case $line in
			'ok '*) printf 'ok %s: %s\n' "$title" "${line#ok }" ;;
			'not ok '*)
				printf 'not ok %s: %s\n' "$title" "${line#not ok }"
				printf '#   logs: %s\n' "$results/$name"
				;;
			*) printf '%s\n' "$line" ;;
			esac
		done <"$results/$name/results"
		# The reader may not have the logs.
		! grep -q '^not ok ' "$results/$name/results" || console_lines "$results/$name/console.log"
	done | tee -a "$results/results.tap"
	passed=$(grep -c '^ok ' "$results/results.tap" || true)
	skipped=$(grep -c '^ok .*# SKIP' "$results/results.tap" || true)
	failed=$(grep -c '^not ok ' "$results/results.tap" || true)
	printf '%d passed, %d failed, %d skipped\n' $((passed - skipped)) "$failed" "$skipped" >"$results/totals"
	printf '      guests: %s in %d s\n' "$(cat "$results/totals")" $((EPOCHSECONDS - began))
	[ "$failed" = 0 ]
}
