// SPDX-License-Identifier: GPL-2.0-only
// The devices of the guest. firmware.c adds the processors.
DefinitionBlock ("", "DSDT", 2, "BENCH", "ARM64", 1)
{
    Scope (\_SB)
    {
        Device (COM0)
        {
            Name (_HID, "ARMH0011") // PL011
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0x09000000, 0x1000)
                Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 33 }
            })
        }

        // The PCI bus with the bench's own devices, which use INTx. The
        // memory of its configuration is that of the table MCFG.
        Device (RES0)
        {
            Name (_HID, "PNP0C02")
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0x3f000000, 0x1000000)
            })
        }
        Device (PCI0)
        {
            Name (_HID, "PNP0A08")
            Name (_CID, "PNP0A03")
            Name (_UID, 0)
            Name (_SEG, 0)
            Name (_BBN, 0)
            Name (_CCA, 1)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 15, 0, 16)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                    NonCacheable, ReadWrite, 0, 0x10000000, 0x3efeffff, 0,
                    0x2eff0000)
                DWordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    EntireRange, 0, 0, 0xffff, 0x3eff0000, 0x10000)
            })
            // The interrupt of the first pin of slots 1 to 4
            Name (_PRT, Package ()
            {
                Package () { 0x1ffff, 0, 0, 36 },
                Package () { 0x2ffff, 0, 0, 37 },
                Package () { 0x3ffff, 0, 0, 38 },
                Package () { 0x4ffff, 0, 0, 35 },
            })
        }

        // The bus, below a module whose memory VMBus gives to its devices
        Device (VMOD)
        {
            Name (_HID, "ACPI0004")
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                    NonCacheable, ReadWrite, 0, 0x1000000000, 0x10FFFFFFFF, 0,
                    0x100000000)
            })
            Device (VMBS)
            {
                // iasl refuses a _HID of five letters, unless it is computed.
                Method (_HID) { Return ("VMBus") }
                Name (_UID, 0)
                Name (_CCA, 1)
                Name (_CRS, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 18 }
                })
            }
        }
    }
}
