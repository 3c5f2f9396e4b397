# SPDX-License-Identifier: GPL-2.0-only
nic_start nic
said=$(guest_says 'fcopy ') || exit 1
case $said in
"fcopy refused") stock_asked ;;
*) copy_asked stock ;;
esac
nic_judged
tell checked
