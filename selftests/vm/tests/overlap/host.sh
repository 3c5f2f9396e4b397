# SPDX-License-Identifier: GPL-2.0-only
obey_guest
