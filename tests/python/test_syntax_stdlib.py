"""The parser against CPython's, on every file of the running interpreter's standard library.

Both trees are written as the same text, a line for every node with its place and fields, and compared. A construct that
we name but do not parse (`Unsupported`) is one line with its place; the test checks that CPython has that construct at
exactly that place, and writes the same line.

The trees are those of Python 3.11: later versions give other places to the parts of f-strings.
"""

import ast
import os
import random
import re
import struct
import subprocess
import sys
import sysconfig
import time
import tokenize
import unicodedata
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the trees are those of CPython 3.11")

# ---- our side ----


def build_dumper(folder, name, flags):
    sources = sorted((ROOT / "src/support").glob("*.c")) + sorted((ROOT / "src/syntax").glob("*.c"))
    program = folder / name
    compiler = os.environ.get("CC", "cc").split()
    command = [*compiler, "-std=gnu17", *flags, "-I", ROOT / "src", *sources, ROOT / "tests/syntax/dump_trees.c", "-lm"]
    subprocess.run([*map(str, command), "-o", str(program)], check=True)
    return program


@pytest.fixture(scope="session")
def dumper(tmp_path_factory):
    return build_dumper(tmp_path_factory.mktemp("syntax"), "dump_trees", ["-O2"])


@pytest.fixture(scope="session")
def checked_dumper(tmp_path_factory):
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    return build_dumper(tmp_path_factory.mktemp("syntax"), "checked_dump_trees", flags)


def our_trees(program, sources, *arguments):
    """Answers of the program, one by one: (parsed, text)."""
    process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for source in sources:
        process.stdin.write(b"%d\n%b" % (len(source), source))
        process.stdin.flush()
        header = process.stdout.readline().split()
        assert header, f"the parser crashed (status {process.wait()})"
        yield header[0] == b"ok", process.stdout.read(int(header[1])).decode("utf-8", "surrogateescape")
    process.stdin.close()
    assert process.wait() == 0


# ---- CPython's side ----

MERSENNE = 2**61 - 1


def constant_text(node):
    value = node.value
    kind = type(value)
    if kind is str:
        return f"{'ustr' if node.kind else 'str'} {value.encode('utf-8', 'surrogatepass').hex()}"
    if kind is bytes:
        return f"bytes {value.hex()}"
    if kind is int:
        return f"int {value}" if value < 2**64 else f"big {value % MERSENNE}"
    if kind is float:
        return f"float {struct.pack('>d', value).hex()}"
    if kind is complex:
        return f"complex {struct.pack('>d', value.imag).hex()}"
    return str(value)


# Fields that hold a name, by (class, field); every other str field is none.
NAME_FIELDS = {"name", "id", "attr", "arg", "asname", "module"}
OP_FIELDS = {"op", "ctx"}
NUMBER_FIELDS = {"level", "conversion", "simple", "is_async"}
LISTS = {
    "body", "orelse", "finalbody", "handlers", "decorator_list", "bases", "keywords", "targets", "items", "values",
    "keys", "elts", "generators", "comparators", "args", "posonlyargs", "kwonlyargs", "kw_defaults", "defaults",
    "ifs", "names",
}  # fmt: skip


def make_dumper(cls):
    """A function that appends the lines of a node of this class; written out as source, since it runs for millions."""
    name = cls.__name__
    line = [name]
    if "lineno" in cls._attributes:
        line.append("{n.lineno} {n.col_offset} {n.end_lineno} {n.end_col_offset}")
    children = []
    for field in cls._fields:
        if field in ("type_comment", "type_ignores", "kind"):
            continue
        if name == "Constant":
            line.append("{constant_text(n)}")
        elif name in ("Global", "Nonlocal"):
            line.append("{' '.join(['=' + x for x in n.names])}")
        elif name == "Compare" and field == "ops":
            line.append("{' '.join([type(x).__name__ for x in n.ops])}")
        elif field in OP_FIELDS:
            line.append("{type(n.%s).__name__}" % field)
        elif field in NUMBER_FIELDS:
            line.append("{n.%s or 0}" % field)
        elif field in NAME_FIELDS:
            line.append("={n.%s or ''}" % field)
        elif field in LISTS and not (field == "args" and name in ("FunctionDef", "AsyncFunctionDef", "Lambda")) and not (
            field == "body" and name in ("Lambda", "IfExp")
        ) and not (field == "orelse" and name == "IfExp"):
            line.append("{len(n.%s)}" % field)
            children.append(f"for c in n.{field}: dump[type(c)](c, out)")
        else:
            line.append("{'-' if n.%s is None else '+'}" % field)
            children.append(f"c = n.{field}")
            children.append("if c is not None: dump[type(c)](c, out)")
    body = [f"out(f\"{' '.join(line)}\")", *children]
    if name in ("Constant", "JoinedStr"):
        body.insert(0, "if unsupported and refused(n, out): return")
    scope = {"dump": DUMP, "constant_text": constant_text, "unsupported": UNSUPPORTED, "refused": refused}
    exec("def d(n, out):\n " + "\n ".join(body), scope)
    return scope["d"]


UNSUPPORTED = {}  # of the file at hand: place → name of the construct, as our parser reported it


def refused(node, out):
    """True when our parser called this node unsupported; checks that it was right."""
    place = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
    if place not in UNSUPPORTED:
        return False
    out("Unsupported %d %d %d %d named unicode escape" % place)
    return True


def dump_match(node, out):
    out(f"Unsupported {node.lineno} {node.col_offset} {node.end_lineno} {node.end_col_offset} match statement")


DUMP = {type(None): lambda node, out: out("None")}
for _cls in vars(ast).values():
    if isinstance(_cls, type) and issubclass(_cls, ast.AST) and _cls.__module__ == "ast" and _cls._fields is not None:
        DUMP[_cls] = make_dumper(_cls)
DUMP[ast.Match] = dump_match


def their_tree(tree, ours, source_lines):
    """The text of CPython's tree. `ours` tells where our parser saw a construct that it does not parse."""
    UNSUPPORTED.clear()
    for found in re.finditer(r"^Unsupported (\d+) (\d+) (\d+) (\d+) (.*)$", ours, re.M):
        line, col, end_line, end_col = place = tuple(map(int, found.groups()[:4]))
        if found[5] == "named unicode escape":
            text = b"\n".join(source_lines[line - 1 : end_line])
            assert b"\\N{" in text, f"no named escape on lines {line} to {end_line}"
            UNSUPPORTED[place] = found[5]
    lines = []
    DUMP[type(tree)](tree, lines.append)
    return "".join([line + "\n" for line in lines])


def parse(source):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


# ---- the standard library ----


def library_files():
    """(path, text) of every file that CPython itself can parse."""
    top = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(top.rglob("*.py")):
        if {"site-packages", "dist-packages"} & set(path.parts):
            continue
        try:
            with open(path, "rb") as file:
                encoding, _ = tokenize.detect_encoding(file.readline)
            text = path.read_bytes().decode(encoding)
            yield path, text, parse(text)
        except (SyntaxError, UnicodeDecodeError, ValueError, LookupError):
            continue


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def count_functions(tree, bad_lines):
    """Functions of a tree, and those that cover one of these lines."""
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    hit = sum(any(node.lineno <= line <= node.end_lineno for line in bad_lines) for node in functions) if bad_lines else 0
    return len(functions), hit


def first_difference(ours, theirs):
    for a, b in zip(ours.splitlines(), theirs.splitlines()):
        if a != b:
            return f"ours {a!r}, CPython's {b!r}"
    return "one is longer"


def test_standard_library_parses_to_cpythons_trees(dumper):
    start = time.time()
    files = functions = unsupported = 0
    bytes_read = 0
    disagreements = []
    batch = library_files()
    pending = []

    def sources():
        for path, text, tree in batch:
            source = text.encode()
            pending.append((path, source, tree))
            yield source

    for parsed, ours in our_trees(dumper, sources()):
        path, source, tree = pending.pop()
        files += 1
        bytes_read += len(source)
        lines = source.split(b"\n")
        if not parsed:
            places = re.findall(r"^UnsupportedError source.py:(\d+):", ours, re.M)
            if not places or "SyntaxError" in ours:
                disagreements.append(f"{path}: {ours}")
                continue
            for line in places:
                name = lines[int(line) - 1].decode()
                assert unicodedata.normalize("NFKC", name) != name, f"{path}: {ours}"
            count, _ = count_functions(tree, [])
            functions += count
            unsupported += count
            continue
        theirs = their_tree(tree, ours, lines)
        places = [int(line) for line in re.findall(r"^Unsupported (\d+) ", ours, re.M)]
        count, hit = count_functions(tree, places)
        functions += count
        unsupported += hit
        if ours != theirs:
            disagreements.append(f"{path}: {first_difference(ours, theirs)}")
    seconds = time.time() - start
    print(
        f"\n{files} files ({bytes_read / 1e6:.1f} MB), {functions} functions: "
        f"{functions - unsupported} equal, {unsupported} unsupported, "
        f"{len(disagreements)} disagreements, 0 crashes; {seconds:.0f} s"
    )
    assert not disagreements, "\n".join(disagreements[:20])
    assert files > 500
