/* SPDX-License-Identifier: GPL-2.0-only */
/* Why this kernel may refuse to load the module: its rules on signed modules. */
#ifndef SETNSMON_DIAGNOSE_H
#define SETNSMON_DIAGNOSE_H

/* What the kernel demands of a module's signature, and why. */
enum signing {
	SIGNING_OPTIONAL,    /* nothing, or its policy cannot be read */
	SIGNING_SECURE_BOOT, /* a trusted key; the owner can enrol one */
	SIGNING_ENFORCED,    /* a trusted key, because of module.sig_enforce */
	SIGNING_LOCKDOWN,    /* a trusted key, because of lockdown */
};

/* Reads the signing policy from sysfs below @root ("" for the live system). */
enum signing signing_policy(const char *root);

/* Says on stderr how to satisfy @policy; says nothing if signatures are optional. */
void signing_explain(enum signing policy);

#endif /* SETNSMON_DIAGNOSE_H */
