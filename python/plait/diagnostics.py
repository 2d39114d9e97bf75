"""What parallel_diagnostics() prints besides the compiler's own text: how the regions of a kernel would run now."""
from . import config


def running_text(kernel):
    found = config.effective(kernel)
    if found["chunk"][0] == 0:
        found["chunk"] = ("auto", found["chunk"][1])
    if found["tile"][0] == 0:
        del found["tile"]
    return "; ".join(f"{name} {value} ({origin})" for name, (value, origin) in found.items())


def not_compiled(name):
    return (
        f"{name}() is not compiled yet, so there is no report: call it first, "
        f'or compile it for types with {name}.compile("(float64[:],)")'
    )
