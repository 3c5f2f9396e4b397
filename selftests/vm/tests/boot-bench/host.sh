# SPDX-License-Identifier: GPL-2.0-only
# The guest reports when it has measured boots of both kinds.
system=$(guest_says "measured ") || exit 1
# run_times KIND WHAT: print the median, the minimum and the maximum
run_times() { sed -n "s/^say time $1 $2 //p" ctl.log | spread '%.0f %d %d'; }
table '%s, %s' "${system#measured }" "median (least to largest), in microseconds"
for what in device other uio boot; do
	with=$(run_times with $what)
	without=$(run_times without $what)
	echo "$what ${with:-- - -} ${without:-- - -}" | awk '{
		printf "%-7s with the rules %s (%s to %s), without %s (%s to %s)", $1, $2, $3, $4, $5, $6, $7
		if ($2 > 0 && $5 > 0) printf ", ratio %.2f", $2 / $5
		printf "\n" }' >line
	table '%s' "$(cat line)"
done
# four_boots KIND: whether there is a time of three bound devices for each boot
four_boots() { [ "$(grep -c "^say time $1 device " ctl.log)" = 12 ]; }
check "four boots with the rules were measured" four_boots with
check "and four without them" four_boots without
tell finished
