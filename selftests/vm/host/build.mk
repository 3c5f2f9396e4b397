# SPDX-License-Identifier: GPL-2.0-only
# These programs play the host.

vm_host_dir  := $(O)/vm/host
vm_host_bins := $(addprefix $(vm_host_dir)/,copy-vmfile vmbus-host vmbus-nic)

.PHONY: vm-host
vm-host: $(vm_host_bins)

$(vm_host_dir)/obj/%.o: selftests/vm/host/%.c
	$(call compile,)

$(vm_host_dir)/copy-vmfile: $(addprefix $(vm_host_dir)/obj/,copy-vmfile.o client.o)
	$(call link,$^ -lnettle)

$(vm_host_dir)/vmbus-host: $(addprefix $(vm_host_dir)/obj/,vmbus-host.o client.o)
	$(call link,$^)

vm_nic_objs := $(addprefix $(vm_host_dir)/obj/nic/,main.o control.o nvsp.o rndis.o data.o peer.o capture.o)

$(vm_host_dir)/vmbus-nic: $(vm_nic_objs) $(vm_host_dir)/obj/client.o
	$(call link,$^)

# check-nic plays a guest that breaks each rule to the host of a NIC. It needs
# no virtual machine.
$(vm_host_dir)/check-nic: $(vm_host_dir)/obj/nic/check.o $(vm_host_dir)/obj/client.o
	$(call link,$^)

# check-copy-vmfile does the same to the host of a file copy.
$(vm_host_dir)/check-copy-vmfile: $(vm_host_dir)/obj/check-copy-vmfile.o
	$(call link,$^)

.PHONY: check-vm-host
check-vm-host: $(addprefix $(vm_host_dir)/,check-nic vmbus-nic check-copy-vmfile copy-vmfile)
	$(Q)$(vm_host_dir)/check-nic $(vm_host_dir)/vmbus-nic; status=$$?; \
	$(vm_host_dir)/check-copy-vmfile $(vm_host_dir)/copy-vmfile && exit $$status

-include $(wildcard $(vm_host_dir)/obj/*.d $(vm_host_dir)/obj/nic/*.d)

include selftests/vm/hyperv/build.mk
