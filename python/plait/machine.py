"""The machine that kernels run on, and where their threads go: plait.topology()."""
import ctypes
import json
import os
import pathlib


class _Query(ctypes.Structure):  # topology_query of runtime/topology.h
    _fields_ = [("xml", ctypes.c_char_p), ("synthetic", ctypes.c_char_p), ("threads", ctypes.c_int32),
                ("quota", ctypes.c_int32), ("placement", ctypes.c_int32), ("list", ctypes.c_void_p),
                ("listed", ctypes.c_int32)]


def topology(xml=None, synthetic=None, threads=0):
    """A dictionary that describes this machine, or one that hwloc has described: packages, cores, caches, memory nodes,
    and under "placements" for each policy the processing units of its threads, in their order.

    `xml` is a file written by lstopo, `synthetic` a description such as "pack:2 [numa] l3:1 core:8 pu:2"; `threads` the
    size of the team, 0 for what the policy would take by itself."""
    if xml is not None and synthetic is not None:
        raise ValueError("xml and synthetic exclude each other")
    folder = pathlib.Path(__file__).parent
    shape = ctypes.CDLL(str(folder / "libplait_topology.so"))
    runtime = ctypes.CDLL(str(folder / "libplait_rt.so"))
    shape.plait_topology_json.restype = ctypes.c_void_p
    here = xml is None and synthetic is None
    query = _Query(os.fsencode(xml) if xml is not None else None, synthetic.encode() if synthetic is not None else None,
                   threads, runtime.plrt_cpu_quota() if here and not threads else 0, 1, None, 0)
    error = ctypes.create_string_buffer(256)
    text = shape.plait_topology_json(ctypes.byref(query), error, ctypes.sizeof(error))
    if text is None:
        raise ValueError(error.value.decode())
    try:
        return json.loads(ctypes.string_at(text))
    finally:
        ctypes.CDLL(None).free(ctypes.c_void_p(text))
