# SPDX-License-Identifier: GPL-2.0-only
# Looks for features in the headers of this kernel, for module/compat.h alone. Distributions back-port such changes, so
# the version of a kernel does not tell.

# feature MACRO,FILES,PATTERN: defines the macro if one of the files in include/linux has a line like that
feature = $(shell grep -qsrE '$(3)' $(addprefix $(srctree)/include/linux/,$(2)) && echo -D$(1))

ccflags-y += $(call feature,COMPAT_HAVE_FTRACE_REGS,ftrace.h,\<struct ftrace_regs\>)
ccflags-y += $(call feature,COMPAT_HAVE_HRTIMER_SETUP,hrtimer.h,\<hrtimer_setup\>)
ccflags-y += $(call feature,COMPAT_HAVE_NS_TYPE,ns_common.h ns,\<u32[[:space:]]+ns_type;)
ccflags-y += $(call feature,COMPAT_HAVE_NS_ID,ns_common.h ns,\<u64[[:space:]]+ns_id;)
ccflags-y += $(call feature,COMPAT_HAVE_NET_COOKIE,../net/net_namespace.h,\<u64[[:space:]]+net_cookie;)
ccflags-y += $(call feature,COMPAT_HAVE_PID_INO,pid.h,\<u64[[:space:]]+ino;)
