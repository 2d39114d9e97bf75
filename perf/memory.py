"""How much memory a call of each of the 24 kernels takes at its highest: no more than its results, the arrays that its text makes,
and one temporary as large as its largest array.

    ./dev perf memory [--keep]       --keep writes the table into perf/README.md

A process for each kernel compiles it, makes the full arguments, forgets the highest mark so far, calls, and looks at VmHWM.
"""
import json
import subprocess
import sys

import measure
from kernels.loops import NAMES, load

SLACK = 1 << 20  # stacks of threads, pages that other calls in the process touch

CHILD = """
import gc, json, sys
sys.path.insert(0, {here!r})
import numpy as np, plait
from kernels.loops import arguments_of, function_of
name = {name!r}
def status(field):
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(field))
kernel = plait.njit(parallel=True)(function_of(name))
kernel(*arguments_of(name))
arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments_of(name, "FULL")]
for a in arguments:
    if isinstance(a, np.ndarray):
        a.reshape(-1)[::64] = a.reshape(-1)[::64]  # pages of zeros are there only once written
gc.collect()
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
result = kernel(*arguments)
grown = status("VmHWM") - before
sizes = [a.nbytes for a in arguments if isinstance(a, np.ndarray)]
print(json.dumps(dict(arguments=sum(sizes), largest=max(sizes, default=0), result=getattr(result, "nbytes", 0), grown=grown)))
"""


def rows():
    for name in NAMES:
        code = CHILD.format(here=str(measure.ROOT / "perf"), name=name)
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
        f = json.loads(done.stdout)
        own = getattr(load(name), "own", lambda *size: 0)(*load(name).SIZES["FULL"])
        allowed = own + f["result"] + max(f["largest"], f["result"])
        mb = lambda size: f"{size / 1e6:.1f}"
        yield (name, f"≤ {mb(allowed)} MB", f"{mb(f['grown'])} MB beside {mb(f['arguments'])} of arguments, {mb(f['result'])} of result",
               f["grown"] <= allowed + SLACK)


if __name__ == "__main__":
    measure.main(__doc__, {"memory": rows}, "memory")
