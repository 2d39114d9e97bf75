"""The kernels by Pythran: the same text with OpenMP's comments in the loops where a person puts them."""
import hashlib
import importlib.util
import inspect
import pathlib
import subprocess
import sys
import textwrap
from importlib.metadata import version

import numpy as np
from variants import LOOPS, REDUCTIONS

VERSION = f"Pythran {version('pythran')}"


def type_of(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}[{','.join(':' * value.ndim)}]"
    return type(value).__name__


def source_of(name, function, arguments):
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    loops = [number for number, line in enumerate(lines) if line.lstrip().startswith("for ")]
    chosen = LOOPS.get(name, [()])[0] if name != "sort" else (1,)
    clause = f" reduction(+:{REDUCTIONS[name]})" if name in REDUCTIONS else ""
    clause += " schedule(dynamic, 4)" if name in ("mandel", "queens") else ""
    for number in sorted((loops[n] for n in chosen), reverse=True):
        indent = lines[number][:len(lines[number]) - len(lines[number].lstrip())]
        lines.insert(number, f"{indent}#omp parallel for{clause}")
    export = f"#pythran export {name}({', '.join(type_of(a) for a in arguments)})"
    return "\n".join([export, "import math", "import numpy as np", *lines, ""])


def compiled(name, function, arguments, folder):
    text = source_of(name, function, arguments)
    key = hashlib.sha256(text.encode() + VERSION.encode()).hexdigest()[:16]
    folder = pathlib.Path(folder) / f"pythran-{key}"
    library = folder / f"{name}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", "pythran.run", "-O3", "-march=native", "-fopenmp", folder / f"{name}.py", "-o", library]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"Pythran does not take it: {done.stderr.strip().splitlines()[-1]}")
    spec = importlib.util.spec_from_file_location(name, library)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)
