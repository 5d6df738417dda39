"""Compiled programs kept between processes, by what they were compiled from.

The folder is TORCHC_CACHE_DIR, else torchc/ in XDG_CACHE_HOME, else ~/.cache/torchc; with an empty
TORCHC_CACHE_DIR nothing is kept. Entries appear whole or not at all, and can be deleted at any time.
"""
import functools
import hashlib
import os
import platform

from torchc import _compiler
from torchc.errors import LoadError
from torchc.program import load


@functools.lru_cache(maxsize=None)
def _describe_compiler():
    """What decides what is made of an input: the build of the compiler, and this machine's CPU."""
    built = os.stat(_compiler.__file__)
    try:
        with open("/proc/cpuinfo") as file:
            cpu = sorted({line for line in file if line.startswith(("model name", "flags", "Features", "CPU part"))})
    except OSError:
        cpu = [platform.processor()]
    return repr((_compiler.version, built.st_size, built.st_mtime_ns, platform.machine(), cpu))


def make_key(*parts):
    """The name of an entry: a hash of the compiler, the CPU, and `parts`, text or bytes."""
    digest = hashlib.sha256(_describe_compiler().encode())
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def find_or_make(key, make, **options):
    """The program of an entry; `make` gives its bytes where there is none, or none that can be loaded."""
    folder = _compiler.find_cache_folder()
    if not folder:
        return load(make(), **options)
    path = os.path.join(folder, key[:2], key + ".vmfb")
    if os.path.exists(path):
        try:
            return load(path, **options)
        except LoadError:
            pass  # Damaged, or of another version: it is made again.
    content = make()
    _store(path, content)
    return load(content, **options)


def _store(path, content):
    """Writes an entry under a temporary name first. A folder that cannot be written is no error."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
