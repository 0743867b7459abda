"""Support code, from LLVM text by way of the disk cache."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping

from brasa.runtime.cache import cache_key, disk_cache
from brasa.runtime.cpu_object import Code, compile_text, link


def link_text(text: str, exports: Iterable[str], imports: Mapping[str, int] | None = None) -> Code:
    """Load LLVM text, compiled now if no earlier process left it in the cache."""
    key = cache_key(text, platform.machine())
    entry = disk_cache().read(key)
    code = (compile_text(text),) if entry is None else entry.code
    if entry is None:
        disk_cache().write(key, {}, code)
    return link(code, exports, imports)
