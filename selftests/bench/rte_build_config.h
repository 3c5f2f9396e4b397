/* SPDX-License-Identifier: GPL-2.0-only */
/* The settings that DPDK's own build would detect, for its bus/vmbus */
#define RTE_ARCH_64	    1
#define RTE_ARCH_X86	    1
#define RTE_ARCH_X86_64	    1
#define RTE_EXEC_ENV_LINUX  1
#define RTE_TOOLCHAIN_GCC   1
#define RTE_CACHE_LINE_SIZE 64
