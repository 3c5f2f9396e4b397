/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of the package manager of the distribution */
#ifndef HVUIO_DISTRIBUTION_H
#define HVUIO_DISTRIBUTION_H

/* Return a new string: the command that installs a package of ours. */
char *distribution_install(const char *package);

/*
 * Return a new string: the command that installs the headers of a kernel. If
 * the distribution has a package that also brings the headers of later kernels
 * of that kind, the command installs it, too.
 */
char *distribution_install_headers(const char *release);

/*
 * Return a new string: the command that installs the package of a kernel that
 * has the module uio.
 */
char *distribution_install_uio(const char *release);

#endif
