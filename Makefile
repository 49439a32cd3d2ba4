# For people. The kernel's build system reads Kbuild, not this file, and so does DKMS.
#
#	make help

KDIR    ?= /lib/modules/$(shell uname -r)/build
PREFIX  ?= /usr/local
DESTDIR ?=
KERNEL  ?= bookworm

VM := tests/vm/vm

all: modules tools

help:
	@echo "To try it, on any Debian-like machine, without touching its kernel:"
	@echo "  make demo              boot a throw-away machine and watch setns events live"
	@echo "  make vm-shell          a root shell in such a machine"
	@echo
	@echo "To build it:"
	@echo "  make                   the module and the reader"
	@echo "  make modules           setnsmon.ko       KDIR=$(KDIR)"
	@echo "  make tools             tools/setnsmon"
	@echo "  make install           the reader and what goes with it     PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)"
	@echo "  make uninstall         and away again"
	@echo "  dkms install .         the module, for this machine's kernels"
	@echo "  make deb               Debian packages of both, in build/deb     KERNEL=$(KERNEL)"
	@echo "  make clean             remove what was built (tests/vm/vm clean-cache: what the tests have set up)"
	@echo
	@echo "To test it (all of it runs in a build chroot and in throw-away machines):"
	@echo "  make check             everything"
	@echo "  make check-unit        the parts that run in user space"
	@echo "  make check-functional  the module and the reader on real kernels"
	@echo "  make check-dkms        installing with DKMS"
	@echo "  make check-deb         the Debian packages"
	@echo "  make check-build       with gcc and clang: no warning"
	@echo "  make check-host        installing as docs/INSTALL.md says, in machines with systemd"
	@echo "  make check-lint       formatting, static checks, and whether things that repeat agree"
	@echo "  make check-stress       storms of calls on four processors"
	@echo "  make check-model       the ring's protocol, searched exhaustively"
	@echo "  make check-fuzz        the reader, fuzzed"
	@echo "  make check-long        hours of storms, floods, faults and fuzzing, also on debug kernels and PREEMPT_RT"
	@echo "  make check-bench       has anything become slower? (a minute)"
	@echo "  make bench             what setnsmon costs, and what others cost     CASES='ours ftrace', CASES=list"
	@echo "  make bench-docs        write the results of make bench into docs/PERFORMANCE.md"
	@echo "  make matrix            building, DKMS and all functional tests, on every kernel     KERNELS='bullseye sid' JOBS=1"

modules: kdir-exists
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

kdir-exists:
	@test -e $(KDIR)/Makefile || { \
		release=$$(uname -r); \
		echo "There are no kernel headers in $(KDIR)."; \
		if ! command -v apt-cache >/dev/null; then \
			echo "Install your distribution's headers for kernel $$release,"; \
		elif apt-cache show "linux-headers-$$release" >/dev/null 2>&1; then \
			echo "Install them: sudo apt-get install linux-headers-$$release"; \
		else \
			echo "apt has no package linux-headers-$$release for the running kernel. Boot a kernel that has one"; \
			echo "(on Debian: linux-image-amd64 with linux-headers-amd64, after apt-get update),"; \
		fi; \
		echo "or name other headers: make modules KDIR=/lib/modules/VERSION/build"; \
		echo "or let a throw-away machine build and run it: make demo"; \
		exit 1; } >&2

tools:
	$(MAKE) -C tools

install uninstall:
	$(MAKE) -C tools $@ PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

# Where the packages are built is the chroot of that kernel's suite
deb:
	@$(VM) setup -k $(KERNEL) -c
	$(VM) chroot -k $(KERNEL) -- debian/build build/deb
	@rm -rf build/deb
	@cp -r build/tree/$(KERNEL)/build/deb build/deb
	@echo "Made, for the suite of '$(KERNEL)':"
	@ls build/deb/*
	@echo "To install them:  apt-get install ./build/deb/*.deb"

check:
	tests/run

check-unit check-functional check-lint check-build check-dkms check-deb check-host check-stress check-model \
check-fuzz check-long check-bench: check-%:
	tests/run $*

bench:
	tests/bench/measure -k $(KERNEL) $(CASES)

bench-docs:
	python3 -B tests/bench/report.py build/bench docs/PERFORMANCE.md docs/picture/cost.svg

matrix:
	tests/matrix -j $(or $(JOBS),1) $(KERNELS)

demo:
	@tests/demo/demo

vm-shell:
	@$(VM) setup -l
	@$(VM) build module tools installed
	@$(VM) shell

# Without kernel headers too
clean:
	rm -rf build .tmp_versions modules.order Module.symvers .modules.order.cmd .Module.symvers.cmd
	rm -f setnsmon.o setnsmon.ko setnsmon.mod setnsmon.mod.c setnsmon.mod.o .setnsmon.*.cmd
	find module \( -name "*.o" -o -name ".*.cmd" -o -name "*.mod" \) -delete
	$(MAKE) -C tools clean
	test ! -e tests/unit/Makefile || $(MAKE) -C tests/unit clean
	test ! -e tests/functional/Makefile || $(MAKE) -C tests/functional clean
	test ! -e tests/stress/Makefile || $(MAKE) -C tests/stress clean
	test ! -e tests/kunit/Makefile || $(MAKE) -C tests/kunit clean
	test ! -e tests/bench/Makefile || $(MAKE) -C tests/bench clean
	@$(VM) cache -q

.PHONY: all help modules kdir-exists tools install uninstall deb check check-unit check-functional check-lint check-build \
	check-dkms check-deb check-host check-stress check-model check-fuzz check-long check-bench bench bench-docs \
	matrix demo vm-shell clean
