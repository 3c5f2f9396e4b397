# SPDX-License-Identifier: GPL-2.0-only
# These programs play the host.

vm_host_dir  := $(O)/vm/host
vm_host_bins := $(addprefix $(vm_host_dir)/,copy-vmfile vmbus-host vmbus-nic)

.PHONY: vm-host
vm-host: $(vm_host_bins)

$(vm_host_dir)/obj/%.o: selftests/vm/host/%.c
	$(call compile,)

# The messages of a file copy are those of the collection fcopy.
$(vm_host_dir)/obj/fcopy/%.o: selftests/fcopy/%.c
	$(call compile,)

$(vm_host_dir)/copy-vmfile: $(addprefix $(vm_host_dir)/obj/,copy-vmfile.o client.o fcopy/host.o fcopy/hostile_host.o)
	$(call link,$^ -lnettle)

$(vm_host_dir)/vmbus-host: $(addprefix $(vm_host_dir)/obj/,vmbus-host.o client.o)
	$(call link,$^)

vm_nic_objs := $(addprefix $(vm_host_dir)/obj/nic/,main.o control.o nvsp.o rndis.o data.o peer.o)

$(vm_host_dir)/vmbus-nic: $(vm_nic_objs) $(vm_host_dir)/obj/client.o
	$(call link,$^)

-include $(wildcard $(vm_host_dir)/obj/*.d $(vm_host_dir)/obj/nic/*.d $(vm_host_dir)/obj/fcopy/*.d)

include selftests/vm/hyperv/build.mk
