"""Smaller kernels on which a finding still shows."""
import copy

from tree import Node, bodies, const, expressions


def smaller(kernel):
    """Kernels with one thing less."""
    for b in range(sum(1 for _ in bodies(kernel.body))):
        for i in range(len(list(bodies(kernel.body))[b])):
            k = copy.deepcopy(kernel)
            del list(bodies(k.body))[b][i]
            yield k
            k = copy.deepcopy(kernel)
            statements = list(bodies(k.body))[b]
            s = statements[i]
            if s.kind in ("when", "block"):
                statements[i:i + 1] = s.body
                yield k
    slots = [s for top in kernel.body for s in expressions(top)]
    for n in range(len(slots)):
        for replace in ("a", "b", "const"):
            k = copy.deepcopy(kernel)
            owner, field = [s for top in k.body for s in expressions(top)][n]
            old = getattr(owner, field)
            if replace == "const":
                if old.kind == "const" or old.ty not in ("int64", "float64"):
                    continue
                new = const(1 if old.ty == "int64" else 1.0)
            else:
                new = getattr(old, replace, None)
                if not isinstance(new, Node) or new.ty != old.ty:
                    continue
            setattr(owner, field, new)
            yield k
    for p, v in kernel.params.items():
        for less in (0, 1, 2, v // 2):
            if isinstance(v, int) and less < v:
                k = copy.deepcopy(kernel)
                k.params[p] = less
                yield k
    for name in kernel.arrays:
        if not uses(kernel, name):
            k = copy.deepcopy(kernel)
            del k.arrays[name]
            yield k
    for name, a in kernel.arrays.items():
        if a["flavour"] != "C":
            k = copy.deepcopy(kernel)
            k.arrays[name]["flavour"] = "C"
            yield k
    for i, h in enumerate(kernel.helpers):
        if not uses(kernel, h.name):
            k = copy.deepcopy(kernel)
            del k.helpers[i]
            yield k


def uses(kernel, name):
    lines = kernel.source().splitlines()
    lines = [line for line in lines if not line.startswith("def ")]
    return any(name in line for line in lines) or any(a.get("overlaps") == name for a in kernel.arrays.values())


def shrink(kernel, fails, budget=400):
    """Smallest kernel found on which `fails` still holds."""
    progress = True
    while progress and budget > 0:
        progress = False
        for k in smaller(kernel):
            budget -= 1
            if budget <= 0:
                break
            if fails(k):
                kernel, progress = k, True
                break
    return kernel
