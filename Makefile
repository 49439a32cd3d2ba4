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
	@echo "Try it, on any Debian-like machine, without touching its kernel:"
	@echo "  make demo           boot a throw-away machine and watch setns events live"
	@echo "  make vm-shell       a root shell in such a machine"
	@echo
	@echo "Build it:"
	@echo "  make                the module and the reader"
	@echo "  make modules        setnsmon.ko, for the kernel headers in KDIR:"
	@echo "                      $(KDIR)"
	@echo "  make tools          the reader, tools/setnsmon"
	@echo "  make install        the reader and its files, below PREFIX ($(PREFIX))"
	@echo "  make uninstall      remove them"
	@echo "  dkms install .      the module, for this machine's kernels"
	@echo "  make deb            Debian packages, in build/deb, for KERNEL ($(KERNEL))"
	@echo "  make clean          remove what was built in the tree"
	@echo "  tests/vm/vm clean-cache  remove what the tests have set up"
	@echo
	@echo "Test it, in a build chroot and in throw-away machines:"
	@echo "  make check          a part of each kind of test, on one kernel"
	@echo "  make check-full     the rest of what CI runs: all tests, more kernels"
	@echo "  make check-TEST     a tier, a test or a pattern: make check-unit"
	@echo "  tests/run -l        the list of all tests; tests/run -h says more"
	@echo "  make check-long     hours of stress, floods, faults and fuzzing"
	@echo "  make matrix         building, DKMS and functional tests on every kernel"
	@echo "                      (KERNELS='bullseye sid' JOBS=1)"
	@echo
	@echo "Measure it:"
	@echo "  make bench          the cost of a call, beside other tools' cost"
	@echo "                      (CASES='ours ftrace', CASES=list)"
	@echo "  make bench-docs     write the results into docs/PERFORMANCE.md"

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
	tests/run check

# Names of tiers, tests and sets; check-full is the rest of what CI runs
check-%:
	tests/run '$*'

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

.PHONY: all help modules kdir-exists tools install uninstall deb check bench bench-docs matrix demo vm-shell clean
