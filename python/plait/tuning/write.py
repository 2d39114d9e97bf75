"""The winner, in a configuration file, of which everything else stays as it is, comments included.

ruamel.yaml is the library for that: the one YAML library for Python that keeps comments, kept up since 2014."""
import io
import os
import pathlib
import stat

from .. import _plait, config
from ..errors import ConfigError, PlaitError

_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def size_class(nbytes):
    """The power of two, 1 KiB at least, that holds so many bytes."""
    return max(1 << 10, 1 << max(0, nbytes - 1).bit_length())


def size_text(up_to):
    for unit, factor in _UNITS:
        if up_to % factor == 0:
            return f"{up_to // factor}{unit}"
    return str(up_to)


def default_file():
    """The project's file, which may not be there yet."""
    for folder in [pathlib.Path.cwd(), *pathlib.Path.cwd().parents]:
        if (folder / ".plait.yaml").exists():
            return folder / ".plait.yaml"
    return pathlib.Path.cwd() / ".plait.yaml"


def _library():
    try:
        import ruamel.yaml
    except ImportError:
        raise PlaitError("writing a configuration needs ruamel.yaml: pip install 'plait[tune]'") from None
    yaml = ruamel.yaml.YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _size(value):
    """As the runtime reads it."""
    text = str(value).strip()
    digits = len(text) - len(text.lstrip("0123456789."))
    unit = text[digits:].strip()
    factor = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 1 << 10,
              "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]
    return int(float(text[:digits]) * factor)


def _section_of(document, name):
    """The section that this kernel's entries are in: its full name's, else its short name's, else None."""
    kernels = document.get("kernels") or {}
    for key in (name, name.rpartition(".")[2]):
        if key in kernels:
            return kernels[key]
    return None


def _in_line(tile):
    """A list of edges is written as [32, 256]."""
    from ruamel.yaml.comments import CommentedSeq

    if not isinstance(tile, (tuple, list)):
        return tile
    edges = CommentedSeq(tile)
    edges.fa.set_flow_style()
    return edges


class File:
    """A configuration file that entries are read from and written to."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._text = ""
        if self.path.exists():
            problems = _plait._config_check(self.path)
            if problems is not None:
                raise ConfigError(problems)
            self._text = self.path.read_text(encoding="utf-8")

    def entry(self, name, nbytes):
        """What the file says about calls of this kernel with so many bytes, in exactly that size class, or None."""
        section = _section_of(_library().load(self._text) or {}, name) if self._text.strip() else None
        for row in (section or {}).get("sizes") or []:
            if _size(row["up_to"]) == size_class(nbytes):
                return {k: v for k, v in row.items() if k != "up_to"}
        return None

    def put(self, name, nbytes, entry, tile=None):
        """Makes `entry` the one of that size class; true when the file changed. tile: if it was tuned; else it stays."""
        from ruamel.yaml.comments import CommentedMap, CommentedSeq

        yaml = _library()
        document = yaml.load(self._text) if self._text.strip() else None
        if document is None:
            document = CommentedMap()
        if not document.get("kernels"):
            document["kernels"] = CommentedMap()
        section = _section_of(document, name)
        if section is None:
            section = document["kernels"][name] = CommentedMap()
        if not section.get("sizes"):
            section["sizes"] = CommentedSeq()
        rows, up_to = section["sizes"], size_class(nbytes)
        sizes = [_size(r["up_to"]) for r in rows]
        before = rows[sizes.index(up_to)].get("tile") if up_to in sizes else None
        tile = before if tile is None else tile
        if tile or (tile == 0 and section.get("tile")):  # "the compiler's choice" is worth a word where it is not the kernel's
            entry = {**entry, "tile": _in_line(tile)}
        row = CommentedMap({"up_to": size_text(up_to), **entry})
        row.fa.set_flow_style()
        if up_to in sizes:
            rows[sizes.index(up_to)] = row
        else:
            rows.insert(sum(s < up_to for s in sizes), row)
        out = io.StringIO()
        yaml.dump(document, out)
        return self._replace(out.getvalue())

    def _replace(self, text):
        if text == self._text:
            return False
        mode = stat.S_IMODE(self.path.stat().st_mode) if self.path.exists() else 0o644
        target = self.path.resolve()  # a link stays one
        beside = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            beside.write_text(text, encoding="utf-8")
            beside.chmod(mode)
            problems = _plait._config_check(beside)
            if problems is not None:
                raise ConfigError(problems)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
        self._text = text
        return True


def entry_of(candidate):
    """What a file says for a candidate; what is the default everywhere is left out."""
    entry = {"threads": candidate.threads}
    if candidate.threads > 1:
        if candidate.schedule != "auto":
            entry["schedule"] = candidate.schedule
        if candidate.chunk:
            entry["chunk"] = candidate.chunk
        if candidate.placement != "spread":
            entry["placement"] = candidate.placement
    return entry
