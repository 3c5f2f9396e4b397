# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
bind_class "$class"
start_echo "$class"
hear sub-channels
check "the sub-channels have rings" within 10 rings 3
say rings
hear end
wait "$pid"
check "the echo program ended as the host asked: $(tail -n 1 /tmp/echo.log)" grep -q '^end quit .* bad 1$' /tmp/echo.log
check "the sub-channels went with the last close" within 10 rings 1

start_echo "$class"
hear lie
wait "$pid"
check "an impossible index of the host ends in an error: $(tail -n 1 /tmp/echo.log)" grep -q '^end Input/output error' /tmp/echo.log

hear monitored
check "the monitored device is bound" within 10 bound "$class"
check "it has a monitor" test -r "$device/monitor_id"
start_echo "$class"
hear rescinded
wait "$pid"
check "a rescind ends the echo program cleanly: $(tail -n 1 /tmp/echo.log)" grep -q '^end No such device' /tmp/echo.log
