/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * This header has the interface of vmbus_bufring.h in the kernel's tools/hv,
 * which libvmbus_bufring-compat provides. A program that was written for that
 * header builds unchanged with the flags of 'pkg-config
 * libvmbus_bufring-compat'. New programs use libvmbus_bufring and its header.
 *
 * The library reads each index and length of the host once and checks it. It
 * also works with pages of 16 and 64 KiB and on machines other than x86, and
 * pads payloads whose size is no multiple of 8.
 *
 * As with tools/hv, sending does not signal the host: the program signals it by
 * a write(2) to the UIO device. Several threads may send, and one at a time may
 * receive.
 */
#ifndef VMBUS_BUFRING_COMPAT_H
#define VMBUS_BUFRING_COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#ifndef __packed
#define __packed __attribute__((__packed__))
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Packets */

#define VMBUS_CHANPKT_TYPE_INBAND 0x0006
#define VMBUS_CHANPKT_TYPE_RXBUF  0x0007
#define VMBUS_CHANPKT_TYPE_GPA	  0x0009
#define VMBUS_CHANPKT_TYPE_COMP	  0x000b

#define VMBUS_CHANPKT_FLAG_NONE 0
#define VMBUS_CHANPKT_FLAG_RC	0x0001 /* the sender wants a completion */

#define VMBUS_CHANPKT_SIZE_SHIFT 3 /* lengths are in units of 8 bytes */
#define VMBUS_CHANPKT_HLEN_MIN	 (sizeof(struct vmbus_chanpkt_hdr) >> VMBUS_CHANPKT_SIZE_SHIFT)

struct vmbus_chanpkt_hdr {
	uint16_t type;
	uint16_t hlen;
	uint16_t tlen;
	uint16_t flags;
	uint64_t xactid;
} __packed;

struct vmbus_chanpkt {
	struct vmbus_chanpkt_hdr hdr;
} __packed;

/* Integration components */

#define ICMSGHDRFLAG_TRANSACTION 1
#define ICMSGHDRFLAG_REQUEST	 2
#define ICMSGHDRFLAG_RESPONSE	 4

#define IC_VERSION_NEGOTIATION_MAX_VER_COUNT 100

struct vmbuspipe_hdr {
	unsigned int flags;
	unsigned int msgsize;
} __packed;

struct ic_version {
	unsigned short major;
	unsigned short minor;
} __packed;

struct icmsg_negotiate {
	unsigned short icframe_vercnt;
	unsigned short icmsg_vercnt;
	unsigned int reserved;
	__extension__ struct ic_version icversion_data[];
} __packed;

struct icmsg_hdr {
	struct ic_version icverframe;
	unsigned short icmsgtype;
	struct ic_version icvermsg;
	unsigned short icmsgsize;
	unsigned int status;
	unsigned char ictransaction_id;
	unsigned char icflags;
	unsigned char reserved[2];
} __packed;

#define ICMSG_HDR (sizeof(struct vmbuspipe_hdr) + sizeof(struct icmsg_hdr))
#define ICMSG_NEGOTIATE_PKT_SIZE(frameworks, messages) \
	(ICMSG_HDR + sizeof(struct icmsg_negotiate) +  \
	 ((frameworks) + (messages)) * sizeof(struct ic_version))

/* Rings */

/*
 * The header of a ring that host and guest share. The data of the ring begins
 * one page of the system after the start of the header, which may be more than
 * the 4096 bytes up to the member data.
 */
struct vmbus_bufring {
	volatile uint32_t windex;
	volatile uint32_t rindex;
	volatile uint32_t imask;
	volatile uint32_t pending_send;
	uint32_t reserved[12];
	union {
		__extension__ struct {
			uint32_t feat_pending_send_sz : 1;
		};
		uint32_t value;
	} feature_bits;
	uint8_t reserved2[4028];
	__extension__ uint8_t data[];
} __packed;

struct vmbus_br {
	struct vmbus_bufring *vbr;
	uint32_t dsize;	 /* bytes of data; 0 if the ring was impossible */
	uint32_t windex; /* where the program writes next */

	/* The struct of tools/hv does not have the following members. */
	uint32_t rindex; /* where the program reads next */
	uint32_t lock;
};

/**
 * vmbus_uio_map() - map both rings of a UIO device
 * @size: bytes of each ring
 *
 * Returns NULL after a failure, which errno describes.
 *
 * Since 0.1.
 */
void *vmbus_uio_map(int *fd, int size);

/**
 * vmbus_br_setup() - prepare @br for the ring in @blen bytes at @buf
 *
 * Since 0.1.
 */
void vmbus_br_setup(struct vmbus_br *br, void *buf, unsigned int blen);

/**
 * rte_vmbus_chan_send() - send one packet, whose transaction id is all ones
 *
 * Returns 0, or -EAGAIN (the ring is full), -EINVAL (the packet can never fit)
 * or -EIO (the host's index or the ring is impossible).
 *
 * Since 0.1.
 */
int rte_vmbus_chan_send(struct vmbus_br *txbr, uint16_t type, void *data, uint32_t dlen,
			uint32_t flags);

/**
 * rte_vmbus_chan_recv_raw() - receive one packet with its header
 * @len: the room in @data; the function replaces it by the packet's length
 *
 * Returns the bytes that the packet occupied in the ring, which are 8 more than
 * its length; or -EAGAIN (the ring is empty), -ENOBUFS (@len is the room that
 * the packet needs; the packet stays) or -EIO (the host's index or length, or
 * the ring, is impossible).
 *
 * Since 0.1.
 */
int rte_vmbus_chan_recv_raw(struct vmbus_br *rxbr, void *data, uint32_t *len);

#pragma GCC visibility pop

/**
 * vmbus_br_availwrite() - return the bytes that the program may write at
 * @windex, or 0 if an index is impossible
 *
 * Since 0.1.
 */
static inline uint32_t vmbus_br_availwrite(const struct vmbus_br *br, uint32_t windex)
{
	uint32_t rindex = br->vbr->rindex;

	if (rindex >= br->dsize || windex >= br->dsize)
		return 0;
	return windex >= rindex ? br->dsize - (windex - rindex) : rindex - windex;
}

/**
 * vmbus_br_availread() - return the bytes that the program can read, or 0 if an
 * index is impossible
 *
 * Since 0.1.
 */
static inline uint32_t vmbus_br_availread(const struct vmbus_br *br)
{
	uint32_t windex = br->vbr->windex, room = vmbus_br_availwrite(br, windex);

	return room ? br->dsize - room : 0;
}

#ifdef __cplusplus
}
#endif

#endif /* VMBUS_BUFRING_COMPAT_H */
