// SPDX-License-Identifier: GPL-2.0-only
#include "stub.h"

/* The input of HVCALL_POST_MESSAGE */
struct message {
	uint32_t connection, reserved, type, size;
	uint8_t payload[MESSAGE_MAX];
};

static void print(const char *text)
{
	while (*text)
		put_byte((uint8_t)*text++);
}

void say(const char *text, uint64_t value)
{
	print("stub: ");
	print(text);
	for (int shift = 60; shift >= 0; shift -= 4)
		put_byte((uint8_t)"0123456789abcdef"[value >> shift & 15]);
	print("\r\n");
}

uint32_t ask(volatile struct vp *vp, enum call call)
{
	vp->call = call;
	barrier();
	vp->state = CALL_ASKED;
	barrier();
	ring_bell();
	while (vp->state != CALL_ANSWERED)
		relax();
	barrier();
	vp->state = CALL_NONE;
	return vp->status;
}

uint32_t post_message(volatile struct vp *vp, uint64_t input)
{
	const volatile struct message *message = (const volatile struct message *)input;
	uint32_t size;

	if (input % 8 || !in_ram(input))
		return HV_STATUS_INVALID_PARAMETER;
	/* Read the size once: another processor of the guest may change it. */
	size = message->size;
	if (size > MESSAGE_MAX)
		return HV_STATUS_INVALID_PARAMETER;
	vp->id = message->connection;
	vp->type = message->type;
	vp->size = size;
	for (uint32_t i = 0; i < size; i++)
		vp->payload[i] = message->payload[i];
	return ask(vp, CALL_POST);
}

uint32_t signal_event(volatile struct vp *vp, bool fast, uint64_t input)
{
	if (!fast && (input % 8 || !in_ram(input)))
		return HV_STATUS_INVALID_PARAMETER;
	vp->id = fast ? (uint32_t)input : *(const volatile uint32_t *)input;
	return ask(vp, CALL_SIGNAL);
}

void clear_synic(volatile struct vp *vp)
{
	vp->state = CALL_NONE;
	vp->scontrol = vp->siefp = vp->simp = 0;
	for (int i = 0; i < SINTS; i++)
		vp->sint[i] = SINT_MASKED;
}
