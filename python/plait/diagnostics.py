"""What parallel_diagnostics() prints besides the compiler's own text: how the regions of a kernel would run now."""
from . import _plait, config

_REGION = ("threads", "schedule", "chunk", "placement")


def _said(name, options, section):
    """(value, who said it): the decorator, the kernel's section of a file, the program, the environment, a file."""
    if options.get(name):
        return options[name], "decorator"
    if section.get(name):
        return section[name], "the kernel's section of a file"
    return config.find(name)


def running(options, kernel):
    """{setting: (value, who said it)} for a region that this thread entered now."""
    section = config.kernel(kernel)
    found = {name: _said(name, options, section) for name in _REGION}
    value, origin = found["threads"]
    if value in (None, "auto"):
        found["threads"] = (_plait.get_num_threads(), origin)
    value, origin = found["chunk"]
    if value in (None, "0", 0):
        found["chunk"] = ("auto", origin)
    return found


def running_text(options, kernel):
    found = running(options, kernel)
    return "; ".join(f"{name} {value} ({origin})" for name, (value, origin) in found.items())


def not_compiled(name):
    return (
        f"{name}() is not compiled yet, so there is no report: call it first, "
        f'or compile it for types with {name}.compile("(float64[:],)")'
    )
