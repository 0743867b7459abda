"""Devices, memory, threads, the disk cache, and running programs.

load(signature, object_files) gives an Executable; executable.prepare(shapes, strides) a Frame; frame.call(address of
each input and output) runs it. allocate(nbytes) gives a Buffer of the host.
"""

from brasa.runtime.cache import CacheInfo, DiskCache, Entry, cache_clear, cache_info, cache_key, disk_cache
from brasa.runtime.cpu import get_num_threads, set_num_threads
from brasa.runtime.device import Device, get_device, register_device
from brasa.runtime.executable import Executable, Frame, load, size_code
from brasa.runtime.host import take_failure
from brasa.runtime.memory import Buffer, allocate, is_own, release_unused
from brasa.runtime.settings import Settings, settings

__all__ = [
    "Buffer",
    "CacheInfo",
    "Device",
    "DiskCache",
    "Entry",
    "Executable",
    "Frame",
    "Settings",
    "allocate",
    "cache_clear",
    "cache_info",
    "cache_key",
    "disk_cache",
    "get_device",
    "get_num_threads",
    "is_own",
    "load",
    "register_device",
    "release_unused",
    "set_num_threads",
    "settings",
    "size_code",
    "take_failure",
]
