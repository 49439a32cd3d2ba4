# shellcheck shell=bash disable=SC2034,SC2154  # the declarations are read by lib/cache.sh
# What a person finds in the guest of `vm shell` and of the demo, on top of the suite's guest, in layer.img. That is a
# layer for overlayfs, the same for all kernels of the suite, and holds only what differs from the guest:
#
#   lower/          the files
#   upper/ work/    room for what the guest writes
LABEL=K_SUITE BELOW=(guest) PLACES=(shell) SETTINGS=() FILES=()

make_piece()
{
	local dir=$1 root=$1/tree names=()
	cp -al "$GUEST_PIECE/tree" "$root"
	# The tests' guest has no manual pages
	sed -i '/path-exclude=.usr.share.man/d' "$root"/etc/dpkg/dpkg.cfg.d/*
	mapfile -t names < <(packages shell)
	apt_in "$root" update
	apt_in "$root" install "${names[@]}"
	configure "$root"
	forget_apt "$root"
	keep_difference "$root" "$GUEST_PIECE/tree" "$dir/lower"
	rm -rf --one-file-system "$root"
	mkdir -p "$dir/image"/{upper,work}
	mv "$dir/lower" "$dir/image/lower"
	disk_image "$dir/layer.img" layer 1024 "$dir/image"
	rm -rf --one-file-system "$dir/image"
}

# alice is a person who may become root with sudo. The guest has neither systemd, whose cgroups podman would use, nor a
# disk for podman's overlay driver.
configure()
{
	local root=$1
	enter "$root" -- useradd --create-home --shell /bin/bash alice
	printf 'alice ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/alice"
	chmod 440 "$root/etc/sudoers.d/alice"
	mkdir -p "$root/etc/containers"
	cat >"$root/etc/containers/containers.conf" <<-'END'
		[containers]
		netns = "none"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "runc"
	END
	cat >"$root/etc/containers/storage.conf" <<-'END'
		[storage]
		driver = "vfs"
		runroot = "/run/containers/storage"
		graphroot = "/var/lib/containers/storage"
	END
	add_container_root "$root"
	enter "$root" -- mandb --quiet --create
}

# Makes /srv/box, the root of a container that has busybox and nothing else, for `podman run --rootfs /srv/box`. A guest
# has no network to get an image from.
add_container_root()
{
	local root=$1 box=$1/srv/box
	mkdir -p "$box"/{bin,etc,proc,root,sys,dev,tmp}
	cp "$root/bin/busybox" "$box/bin/busybox"
	enter "$root" -- busybox --list | sed '/^busybox$/d' | while read -r name; do
		ln -s busybox "$box/bin/$name"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\n' >"$box/etc/passwd"
}

# keep_difference TREE BASE INTO: moves the files of TREE that BASE does not have into INTO. TREE began as hard links to
# BASE, and dpkg replaces files instead of writing into them. A directory comes along with its mode and owner. What was
# removed from BASE stays visible in the guest.
keep_difference()
{
	local tree=$1 base=$2 into=$3 scratch=$3.list
	mkdir -p "$into"
	(cd "$base" && find . ! -type d -printf '%i %p\0') | LC_ALL=C sort -z >"$scratch.base"
	(cd "$tree" && find . ! -type d -printf '%i %p\0') | LC_ALL=C sort -z >"$scratch.tree"
	(
		LC_ALL=C comm -z -13 "$scratch.base" "$scratch.tree" | sed -z 's/^[0-9]* //'
		cd "$tree" && find . -type d -print0
	) | tar -C "$tree" --null --no-recursion -T - -cf - | tar -C "$into" -xpf -
	# Directories of both that hold nothing new need no place in the layer
	find "$into" -depth -mindepth 1 -type d -empty -printf '%P\0' |
		while IFS= read -r -d '' name; do
			[[ ! -d $base/$name ]] || rmdir "$into/$name"
		done
	rm "$scratch".*
}
