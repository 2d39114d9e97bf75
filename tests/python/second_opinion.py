"""Asks the interpreter of tests/enumerate what really happens in the loops of a compiled kernel, for given arguments.

    opinion(kernel, (args…), (other args…)).fine()

Arguments that share memory share it there too. Every loop that the compiler marked parallel or vector is watched: two
iterations that touch one address, one of them writing, a variable that an iteration reads before it has a value, or
another result than the untransformed kernel's are problems. `kernel`: a dispatcher, or a function to be compiled with
parallel=True.
"""
import json
import os
import pathlib
import subprocess

import numpy as np


def program():
    """The interpreter's path: beside the build tree's package, or PLAIT_ENUMERATE. None: tests were not built."""
    import plait

    said = os.environ.get("PLAIT_ENUMERATE")
    path = pathlib.Path(said) if said else pathlib.Path(plait.__file__).parents[2] / "tests" / "plait-enumerate"
    return path if path.exists() else None


class Second:
    """One interpreter process, asked line by line."""

    def __init__(self):
        self.process = None

    def ask(self, question):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen([program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the interpreter died with {self.process.wait()}")
        return json.loads(line)

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


_second = Second()


def close():
    _second.close()


def _bounds(a):
    start = a.__array_interface__["data"][0]
    low = start + sum((n - 1) * s for n, s in zip(a.shape, a.strides) if s < 0 and n)
    high = start + sum((n - 1) * s for n, s in zip(a.shape, a.strides) if s > 0 and n) + a.itemsize
    return (start, start) if 0 in a.shape else (low, high)


def _bytes(low, high):
    import ctypes

    return ctypes.string_at(low, high - low)


def _flat(values):
    for v in values:
        if isinstance(v, tuple):
            yield from _flat(v)
        elif v is not None:
            yield v


def _scalar(v):
    if isinstance(v, (bool, np.bool_)):
        return {"int": int(v)}
    if isinstance(v, (int, np.integer)):
        return {"int": int(v) if -2**63 <= v < 2**63 else str(int(v))}
    if isinstance(v, (float, np.floating)):
        return {"float": float(v) if np.isfinite(v) else str(float(v))}
    return {"complex": [complex(v).real, complex(v).imag]}


def case(args):
    """The arguments as the interpreter takes them: blocks of memory, and what looks into them."""
    values = list(_flat(args))
    ranges = sorted(_bounds(a) for a in values if isinstance(a, np.ndarray))
    blocks = []
    for low, high in ranges:
        if blocks and low < blocks[-1][1]:
            blocks[-1][1] = max(blocks[-1][1], high)
        else:
            blocks.append([low, high])
    out = []
    for v in values:
        if not isinstance(v, np.ndarray):
            out.append(_scalar(v))
            continue
        start = v.__array_interface__["data"][0]
        low, high = _bounds(v)
        k = next((k for k, b in enumerate(blocks) if b[0] <= low and high <= b[1]), 0)
        out.append({"memory": k, "offset": start - blocks[k][0] if low < high else 0, "shape": list(v.shape),
                    "strides": list(v.strides)})
    return {"memory": [_bytes(*b).hex() for b in blocks], "args": out}


class Opinion:
    def __init__(self, answer):
        self.refused = answer.get("refused")
        self.cases = answer.get("cases", [])
        self.parallel = sum(c["parallel"] for c in self.cases)

    def complaints(self):
        """What is wrong, a sentence each."""
        found = [] if self.refused is None else [f"refused: {self.refused}"]
        for k, c in enumerate(self.cases):
            found += [f"case {k}: loop in line {p['loop']}: {p['what']} (lines {p['first']} and {p['second']})"
                      for p in c["problems"]]
            if c.get("different"):
                found.append(f"case {k}: {c['different']}")
            if c["outcome"] == "stuck":
                found.append(f"case {k}: cannot be interpreted: {c['message']}")
        return found

    def fine(self):
        complaints = self.complaints()
        assert not complaints, "\n".join(complaints)
        return self


def request(kernel, args):
    from plait import dispatcher, njit, types

    if not hasattr(kernel, "py_func"):
        kernel = njit(parallel=True)(kernel)
    signature = types.Signature(None, tuple(types.typeof(a) for a in args))
    made = dispatcher._full_request(kernel, signature)
    return json.loads(json.dumps(made))


def opinion(kernel, *argument_lists):
    """The second opinion on a kernel for some lists of arguments of the same types."""
    question = {"request": request(kernel, argument_lists[0]), "cases": [case(a) for a in argument_lists]}
    return Opinion(_second.ask(question))


def opinion_of_texts(before, after, *argument_lists):
    """The same for KIR that stands there as text."""
    return Opinion(_second.ask({"before": before, "after": after, "cases": [case(a) for a in argument_lists]}))
