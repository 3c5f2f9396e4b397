// SPDX-License-Identifier: GPL-2.0-only
/* Print the name and the GUID of each class that the library knows. */
#include <stdio.h>

#include "../../util/vmbus.h"

int main(void)
{
	const struct class *class;

	for (size_t i = 0; (class = class_at(i)); i++)
		printf("%s %s\n", class->name, class->guid);
	return 0;
}
