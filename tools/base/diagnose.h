/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the kernel that runs loads modules that nobody signed. */
#ifndef SETNSMON_DIAGNOSE_H
#define SETNSMON_DIAGNOSE_H

enum signing {
	SIGNING_OPTIONAL,    /* it does, or it cannot be told */
	SIGNING_SECURE_BOOT, /* it does not, and trusts what the owner has enrolled */
	SIGNING_ENFORCED,    /* it does not, by module.sig_enforce */
	SIGNING_LOCKDOWN,    /* it does not, since it is locked down */
};

/* What the files of the kernel below the directory @root ("" is the real one) tell. */
enum signing signing_demanded(const char *root);

/* Says on stderr what to do about it; nothing if it is optional. */
void signing_explain(enum signing demanded);

#endif /* SETNSMON_DIAGNOSE_H */
