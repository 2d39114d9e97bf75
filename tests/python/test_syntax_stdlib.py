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
    command = [*compiler, "-std=gnu17", *flags, "-I", ROOT / "src", *sources, ROOT / "tests/python/dump_trees.c", "-lm"]
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
    print(
        f"\n{files} files ({bytes_read / 1e6:.1f} MB), {functions} functions: "
        f"{functions - unsupported} equal, {unsupported} unsupported, "
        f"{len(disagreements)} disagreements, 0 crashes"
    )
    assert not disagreements, "\n".join(disagreements[:20])
    assert files > 500


# ---- damaged functions ----

POOL = """( ) [ ] { } , : ; . ... -> := ~ + - * / % @ ** // << >> & | ^ < > == != <= >= = += -= *= /= //= %= @= &= |= ^= >>=
<<= **= False None True and as assert async await break class continue def del elif else except finally for from global
if import in is lambda nonlocal not or pass raise return try while with yield match case _ x print f'{x}' f"{x!r:>{y}}"
'a' b'b' "c" '''d''' u'e' r'\\' 0 1 0x1f 1_0 1. .5 1e5 2j 0o7 07 1_ 0b2 \\ # $ ? ! é “ \t \n \f \r\n \x00 """.split(" ")


def library_functions(rng, count):
    """Sources of functions, cut out of randomly chosen files and moved to the left margin."""
    top = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(path for path in top.glob("*.py"))
    while count:
        text = rng.choice(files).read_text(errors="replace")
        try:
            tree = parse(text)
        except SyntaxError:
            continue
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno < 40]
        lines = text.splitlines(keepends=True)
        for node in rng.sample(functions, min(count, 5, len(functions))):
            cut = [line[node.col_offset :] or "\n" for line in lines[node.lineno - 1 : node.end_lineno]]
            yield "".join(cut)
            count -= 1


def damage(rng, text):
    pieces = re.findall(r"\w+|[ \t]+|\n|[^\w\s]", text)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(pieces))
        kind = rng.randrange(7)
        if kind == 0:
            del pieces[at]
        elif kind == 1:
            pieces.insert(at, rng.choice(POOL))
        elif kind == 2:
            pieces[at] = rng.choice(POOL)
        elif kind == 3:
            other = rng.randrange(len(pieces))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == 4:
            pieces.insert(at, pieces[rng.randrange(len(pieces))])
        elif kind == 5:
            pieces.insert(at, rng.choice([" ", "\n", "\n ", "\n    ", "\t"]))
        else:
            del pieces[at : at + rng.randrange(1, 6)]
        if not pieces:
            return "pass"
    return "".join(pieces)


def cpythons_verdict(source):
    try:
        return parse(source), None
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return None, error


def test_damaged_functions_are_judged_as_cpython_judges_them(checked_dumper):
    rng = random.Random(20261122)
    count = int(os.environ.get("PLAIT_MUTATIONS", "2000"))
    sources = [damage(rng, text) for text in library_functions(rng, count)]
    wrong = []
    accepted = 0
    answers = our_trees(checked_dumper, [source.encode() for source in sources])
    for source, (parsed, ours) in zip(sources, answers):
        tree, error = cpythons_verdict(source)
        if not parsed and "UnsupportedError" in ours:
            continue
        if parsed != (tree is not None):
            wrong.append(f"{source}\n-- CPython: {error}, ours: {ours[:600]}")
        elif parsed:
            accepted += 1
            theirs = their_tree(tree, ours, source.encode().split(b"\n"))
            if ours != theirs:
                wrong.append(f"{source}\n-- {first_difference(ours, theirs)}")
        else:
            assert re.match(r"SyntaxError source.py:\d+:\d+: error: .+\n", ours), ours
    print(f"\n{len(sources)} damaged functions: {accepted} parse to the same tree, {len(wrong)} judged otherwise")
    assert not wrong, f"{len(wrong)} of {len(sources)}:\n" + "\n=====\n".join(wrong[:10])


# ---- random sources ----

WORDS = """x y ( ) [ ] { } , : . -> := ~ + - * ** @ < == = += : , ( ) x y not in is and or if else lambda await yield from
for in async *x **y 1 2.5 'a' f'{x}' b'c' ... None""".split()
HEADS = [
    "", "", "def f(", "with (", "with ", "for ", "x = ", "x: ", "f(", "(", "[", "{", "lambda ", "del ", "import ", "@",
    "from . import ", "class A(", "async def f(", "try:\n pass\nexcept ", "try:\n pass\nexcept* ", "if ", "return ",
    "assert ", "raise ", "x[", "global ", "while ", "async with (", "async for x in ", "x = lambda *", "match ",
]  # fmt: skip
LITERAL_PARTS = [
    "{", "}", "{{", "}}", "x", "!r", "!s", ":", "=", ":>", "\\", "\\n", "\\N{EN DASH}", "\\x4", "\\u12", "\\777", "'",
    '"', " ", "(", ")", "[", "]", ",", "\n", "{x}", "{y!r}", "{x:{y}}", "{x=}", "é", "#", "lambda", "==", "!=", "<",
    "for", "0", "\t", "\\\n", "\r\n", ":=", "*", "yield", "\\{", "{ x , y }", "{(x:=1)}", "{'a'}", "{a['b']}",
]  # fmt: skip
LINE_HEADS = ["", " ", "  ", "    ", "\t", "\t ", "        ", " \t", "\f", "  \f ", "\\\n  ", " \\\n", "\n"]
LINES = [
    "if x:", "else:", "pass", "x", "try:", "except: y", "finally:", "def f():", "#c", "", "while 1: pass", "class A:",
    "(1,", "2)", "@d", "elif y:", ";", "x;y", "x;", "for i in x:", "\\", "'''a", "b'''", "return", "async def g():",
    "with (a):",
]  # fmt: skip


def close_brackets(text):
    closers = {"(": ")", "[": "]", "{": "}"}
    stack = []
    for c in text:
        if c in closers:
            stack.append(closers[c])
        elif stack and c == stack[-1]:
            stack.pop()
    return text + "".join(reversed(stack))


def random_statement(rng):
    head = rng.choice(HEADS)
    text = head + " ".join(rng.choices(WORDS, k=rng.randrange(1, 9)))
    if rng.random() < 0.8:
        text = close_brackets(text)
    if head == "match ":
        return text + ":\n case 1: pass\n"
    if head == "@":
        return text + "\ndef f(): pass"
    compound = head.startswith(("def", "with", "for", "class", "try", "if", "while", "async"))
    return text + rng.choice([": pass", ":\n  pass"]) if rng.random() < (0.85 if compound else 0.2) else text


def random_literals(rng):
    literals = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        quote = rng.choice(['"', "'", '"""', "'''"])
        prefix = rng.choice(["f", "f", "f", "rf", "F", "", "b", "r", "u", "fr", "Rb"])
        literals.append(prefix + quote + "".join(rng.choices(LITERAL_PARTS, k=rng.randrange(8))) + quote)
    return rng.choice(["", "x = "]) + rng.choice(["", " "]).join(literals)


def random_numbers(rng):
    numbers = ["".join(rng.choices("0123456789__..eEjJxXoObB+-afl0011", k=rng.randrange(1, 7))) for _ in range(2)]
    return rng.choice(["", " ", "-"]) + rng.choice(["", " + ", "if", "or", "."]).join(numbers)


def random_lines(rng):
    ends = ["\n", "\n", "\n", "\r", "", "\n\n", " # z\n"]
    return "".join(rng.choice(LINE_HEADS) + rng.choice(LINES) + rng.choice(ends) for _ in range(rng.randrange(1, 7)))


@pytest.mark.parametrize("make", [random_statement, random_literals, random_numbers, random_lines])
def test_random_sources_are_judged_as_cpython_judges_them(checked_dumper, make):
    rng = random.Random(make.__name__)
    sources = [make(rng) for _ in range(int(os.environ.get("PLAIT_RANDOM_SOURCES", "5000")))]
    wrong = []
    for source, (parsed, ours) in zip(sources, our_trees(checked_dumper, [source.encode() for source in sources])):
        tree, error = cpythons_verdict(source)
        if parsed != (tree is not None):
            wrong.append(f"{source!r}\n-- CPython: {error}, ours: {ours[:600]}")
        elif parsed:
            theirs = their_tree(tree, ours, source.encode().split(b"\n"))
            if ours != theirs:
                wrong.append(f"{source!r}\n-- {first_difference(ours, theirs)}")
    assert not wrong, f"{len(wrong)} of {len(sources)}:\n" + "\n=====\n".join(wrong[:10])
