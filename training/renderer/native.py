"""Builds and binds the C++ rasteriser (raster.cpp)."""
import ctypes
import hashlib
import os
import pathlib
import subprocess
import tempfile

import numpy as np

SOURCE = pathlib.Path(__file__).with_name("raster.cpp")
FLAGS = ["-O3", "-march=native", "-ffast-math", "-std=c++17", "-shared", "-fPIC"]


def _cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "ksamenet" / "renderer"


def _build():
    """Compiles raster.cpp once per source and flags; the library lies in the user's cache, not in the tree."""
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    lib = _cache_dir() / f"raster-{digest}.so"
    if not lib.exists():
        lib.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=lib.parent) as d:
            tmp = pathlib.Path(d) / lib.name
            subprocess.run([os.environ.get("CXX", "g++"), *FLAGS, str(SOURCE), "-o", str(tmp)], check=True)
            tmp.rename(lib)
    return ctypes.CDLL(str(lib))


_lib = _build()
_TYPES = {np.dtype(np.float32): ctypes.c_float, np.dtype(np.int32): ctypes.c_int32, np.dtype(np.uint8): ctypes.c_uint8}


def call(name, *args):
    """Calls a function of raster.cpp. Arrays must be contiguous float32, int32 or uint8; float becomes C float."""
    conv = []
    for a in args:
        if isinstance(a, np.ndarray):
            if not a.flags.c_contiguous:
                raise ValueError(f"{name}: array is not contiguous")
            conv.append(a.ctypes.data_as(ctypes.POINTER(_TYPES[a.dtype])))
        elif isinstance(a, float):
            conv.append(ctypes.c_float(a))
        else:
            conv.append(a)
    getattr(_lib, name)(*conv)


def raster(v, tri, size, cull=1, want_ids=True):
    """Depth, triangle ids (-1 = empty) and barycentrics of a size x size picture. v: [n, 3] x, y, 1/z."""
    depth = np.zeros((size, size), np.float32)
    ids = np.full((size, size), -1, np.int32) if want_ids else None
    bary = np.zeros((size, size, 2), np.float32) if want_ids else None
    call("raster", np.ascontiguousarray(v, np.float32), tri, len(tri), size, size, cull, depth, ids, bary)
    return depth, ids, bary


def normals(v, tri):
    """Unit vertex normals [n, 3]."""
    n = np.empty_like(v)
    call("normals", v, len(v), tri, len(tri), n)
    return n
