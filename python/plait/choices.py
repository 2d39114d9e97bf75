"""What is asked for: of a region, of a compile. From decorators, scopes and the configuration."""
from _thread import get_ident

from . import _plait, config, decorators

_SCHEDULES = {None: 0, "auto": 0, "static": 1, "dynamic": 2, "guided": 3}


def check_choice(threads=None, schedule=None, chunk=0, placement=None):
    """What regions are to do, as _plait._push_choice takes it."""
    if schedule not in _SCHEDULES:
        decorators._refuse(f"schedule is 'static', 'dynamic' or 'guided', not {schedule!r}")
    decorators._check_threads("threads", threads)
    decorators._check_placement("placement", placement)
    return threads or 0, _SCHEDULES[schedule], decorators._check_count("chunk", chunk or 0), placement


def _configured(options, kernel):
    """boundscheck, opt and tile: the program and the environment, else the decorator, else the kernel's section in a file,
    else the file."""
    section = config.kernel(kernel) if kernel else {}
    found = {}
    for name in ("boundscheck", "opt", "tile"):
        value = config.insists(name)
        if value is None:
            value = options.get(name)
        if value is None:
            value = section.get(name)
        if value is None and config.find(name)[1] != "default":
            value = config.find(name)[0]
        if value is not None:
            found[name] = value
    return found


def request_options(options, kernel=None):
    """The options of a request (plait.h): what differs from the default. kernel: the name by which files know it."""
    request = {}
    parallel = options.get("parallel")
    if isinstance(parallel, dict):
        request["parallel"] = {k: bool(on) for k, on in parallel.items() if k != "stencil"}
    elif parallel:
        request["parallel"] = parallel
    if parallel:
        request["caches"] = _plait._caches()
    configured = _configured(options, kernel)
    if "boundscheck" in configured:
        request["boundscheck"] = configured["boundscheck"] in (True, "true")
    if "opt" in configured:
        request["opt"] = int(configured["opt"])
    tile = decorators._check_tile("tile", configured.get("tile", 0))
    if tile:
        request["tile"] = tile
    for name in ("fastmath", "error_model", "schedule", "chunk", "locals", "disable", "race", "math"):
        if options.get(name):
            request[name] = options[name]
    if options.get("debug"):
        request["debug"] = True
    if options.get("inline") == "always":
        request["inline"] = "always"
    return request


def target_options():
    """The target of a request (plait.h), if it is not this machine."""
    cpu = config.setting("CPU")
    return {} if cpu in (None, "native", "host") else {"target": {"cpu": cpu}}


class threads:
    """with threads(n): regions entered by this thread run on n threads. schedule, chunk and placement may be given too,
    with or without n; what is not given stays as it is. It ends where it is left, whichever thread that is, in whatever order
    scopes end."""

    def __init__(self, n=None, *, schedule=None, chunk=0, placement=None):
        self._choice = check_choice(n, schedule, chunk, placement)
        self._open = []

    def __enter__(self):
        self._open.append((get_ident(), _plait._push_choice(*self._choice)))
        return self

    def __exit__(self, *exception):
        here = get_ident()
        mine = [entry for entry in self._open if entry[0] == here] or self._open
        if not mine:
            raise RuntimeError("this scope is not open")
        entry = mine[-1]
        self._open.remove(entry)
        _plait._pop_choice(entry[1])
