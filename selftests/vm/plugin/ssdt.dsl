// SPDX-License-Identifier: GPL-2.0-only
// This table gives \_SB a memory window. hv_vmbus looks there for MMIO space,
// and the 5.10 kernel crashes without one.
DefinitionBlock ("", "SSDT", 2, "HVUIO", "VMBUSMEM", 1)
{
	Scope (\_SB)
	{
		Name (_CRS, ResourceTemplate ()
		{
			QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
				0, 0x1000000000, 0x10FFFFFFFF, 0, 0x100000000)
		})
	}
}
