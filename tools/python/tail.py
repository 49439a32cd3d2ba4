

# A read asks for so many records at most.
_BATCH = 256


def info(device):
    """Returns the Info of an open device: a file or its descriptor."""
    result = Info()
    fcntl.ioctl(device, IOC_INFO, result)
    return result


def counters(device):
    """Returns the Counters of an open device."""
    result = Counters()
    fcntl.ioctl(device, IOC_COUNTERS, result)
    return result


def records_in(data, size):
    """Yields each Record in data that was read in binary format from a device whose records have
    this size. Members that the device lacks are zero, and members that this file does not know are left out."""
    for at in range(0, len(data), size):
        known = data[at:at + min(size, ctypes.sizeof(Record))]
        yield Record.from_buffer_copy(known.ljust(ctypes.sizeof(Record), b"\0"))


def records(path=DEVICE, follow=True):
    """Yields each Record that the device holds, oldest first, and then waits for more, unless follow
    is false. Skip types that you do not know."""
    device = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if follow else os.O_NONBLOCK))
    try:
        fcntl.ioctl(device, IOC_FORMAT, ctypes.c_uint32(FORMAT_BINARY))
        size = info(device).record_size
        while True:
            try:
                data = os.read(device, _BATCH * size)
            except BlockingIOError:
                return
            yield from records_in(data, size)
    finally:
        os.close(device)
