// SPDX-License-Identifier: GPL-2.0-only
// This table describes VMBus as a real host does: a device VMBUS inside a module
// device whose memory window is for the MMIO of VMBus devices. The 5.10 kernel
// crashes without that window.
DefinitionBlock ("", "SSDT", 2, "HVUIO", "VMBUS", 1)
{
	Scope (\_SB)
	{
		Device (VMOD)
		{
			Name (_HID, "ACPI0004")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0x1000000000, 0x10FFFFFFFF, 0, 0x100000000)
			})
			Device (VMBS)
			{
				// A method, because iasl refuses a name of five letters
				Method (_HID) { Return ("VMBUS") }
				Name (_UID, 0)
				Method (_STA) { Return (0x0f) }
				// Without a resource the driver's probe fails. VMBus then
				// works, but takes no part in hibernation.
				Name (_CRS, ResourceTemplate () { IRQNoFlags () { 7 } })
			}
		}
	}
}
