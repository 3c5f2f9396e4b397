# SPDX-License-Identifier: GPL-2.0-only
# The process that plays the Hyper-V host of a guest

vm_hyperv_objs := $(addprefix $(O)/vm/host/obj/hyperv/,main.o device.o memory.o bell.o synic.o bus.o offer.o \
		    gpadl.o channel.o ring.o signal.o program.o)

vm-host: $(O)/vm/host/hyperv

$(O)/vm/host/obj/hyperv/%.o: selftests/vm/hyperv/%.c
	$(call compile,)

$(O)/vm/host/hyperv: $(vm_hyperv_objs)
	$(call link,$^)

-include $(wildcard $(O)/vm/host/obj/hyperv/*.d)
