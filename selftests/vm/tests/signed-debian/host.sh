# SPDX-License-Identifier: GPL-2.0-only
said=$(guest_says 'fcopy ') || exit 1
case $said in
"fcopy refused") stock_asked ;;
*) copy_asked stock ;;
esac
