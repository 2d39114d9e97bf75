"""The text of a function, as the compiler gets it: cut out of its file, dedented, with the place where it stands.

A `def` is found by its code object: it starts at the line that the code object names (its first decorator) and ends
where its last instruction stands, or a few lines later when a bracket or string is still open. Lambdas are found in the
tree of their whole file, by the positions of their instructions."""
import linecache
import sys
from types import CodeType

_AST_ONLY = 0x400  # ast.PyCF_ONLY_AST, without importing ast


class Source:
    """text, file, first_line, first_col, name, and line and col when the name alone would not do."""

    __slots__ = ("text", "file", "first_line", "first_col", "name", "line", "col")

    def __init__(self, text, file, first_line, first_col, name, line=None, col=None):
        self.text, self.file, self.first_line, self.first_col = text, file, first_line, first_col
        self.name, self.line, self.col = name, line, col


def find(function):
    code = function.__code__
    lines = _lines(function, code)
    if code.co_name == "<lambda>":
        return _find_lambda(code, lines)
    return _cut_function(code, lines)


def _lines(function, code):
    from .errors import UnsupportedError

    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if len(lines) >= code.co_firstlineno > 0:
        return lines
    raise UnsupportedError(
        f"the source of {function.__qualname__}() is not available: it was defined in {code.co_filename}, of which "
        "there is no text. Kernels are compiled from their source: define the function in a file or a notebook."
    )


def _last_line(code):
    last = code.co_firstlineno
    for _, _, line in code.co_lines():
        if line is not None and line > last:
            last = line
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            last = max(last, _last_line(constant))
    return last


def _parses(text):
    try:
        return compile(text, "<kernel>", "exec", _AST_ONLY, True)
    except (SyntaxError, ValueError):
        return None


def _dedent(lines, width):
    """Takes `width` columns from the left of each line but not from lines that begin inside a string."""
    inside = _lines_in_strings(lines) if any(q in line for line in lines for q in ('"""', "'''")) else ()
    cut = []
    for number, line in enumerate(lines, 1):
        blank = len(line) - len(line.lstrip(" \t\f"))
        cut.append(line if number in inside else line[min(width, blank) :])
    return "".join(cut)


def _lines_in_strings(lines):
    import tokenize

    found, rest = set(), iter(lines)
    try:
        for token in tokenize.generate_tokens(lambda: next(rest, "")):
            found.update(range(token.start[0] + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        pass  # cut in the middle; what was found so far holds
    return found


def _cut_function(code, lines):
    first = code.co_firstlineno - 1
    width = len(lines[first]) - len(lines[first].lstrip(" \t\f"))
    text = None
    for end in range(_last_line(code), len(lines) + 1):
        text = _dedent(lines[first:end], width)
        tree = _parses(text)
        if tree is not None:
            break
    else:
        text = _dedent(lines[first : _last_line(code)], width)  # the compiler's parser says what is wrong
        tree = None
    if tree is not None and getattr(tree.body[0], "name", None) != code.co_name:
        from .errors import UnsupportedError

        raise UnsupportedError(
            f"{code.co_filename}, line {first + 1} does not hold {code.co_name}() any more: the file changed since it "
            "was imported"
        )
    return Source(text, code.co_filename, first + 1, width, code.co_name)


# ---- lambdas -------------------------------------------------------------------------------------------------------


def _find_lambda(code, lines):
    import ast

    from .errors import UnsupportedError

    text = "".join(lines)
    try:
        tree = ast.parse(text)
    except SyntaxError:
        tree = None
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and n.lineno == code.co_firstlineno] if tree else []
    found = [n for n in found if _is_code_of(n, code)]
    if not found:
        raise UnsupportedError(
            f"the lambda in {code.co_filename}, line {code.co_firstlineno} cannot be told from its surroundings: "
            "write it as a function"
        )
    node = min(found, key=_extent_of_body)  # one lambda in another: the inner one's body holds the outer's too
    segment = ast.get_source_segment(text, node)
    col = node.col_offset
    if "\n" in segment and _expression_of(segment) is None:
        segment, col = f"({segment})", max(col - 1, 0)
    return Source(segment, code.co_filename, node.lineno, col, "<lambda>", node.lineno, node.col_offset)


def _expression_of(text):
    try:
        return compile(text, "<kernel>", "eval", _AST_ONLY, True)
    except SyntaxError:
        return None


def _positions(code):
    """(line, column) of the instructions, where the interpreter keeps them (3.11)."""
    if sys.version_info < (3, 11):
        return []
    return [(line, col) for line, _, col, _ in code.co_positions() if line is not None and col is not None]


def _extent_of_body(node):
    body = node.body
    return (body.end_lineno - body.lineno, body.end_col_offset - body.col_offset)


def _is_code_of(node, code):
    import ast

    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if tuple(arguments) != code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return False
    positions = [p for p in _positions(code) if p[0] > node.lineno or p[1] > 0]
    if positions:
        body = node.body
        start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
        inner = [p for p in positions if start <= p <= end]
        return len(inner) * 2 > len(positions)
    used = {n.id for n in ast.walk(node.body) if isinstance(n, ast.Name)} - set(arguments)
    known = {*code.co_names, *code.co_freevars, *code.co_cellvars}
    constants = {repr(n.value) for n in ast.walk(node.body) if isinstance(n, ast.Constant)}
    return used <= known and constants <= {repr(c) for c in code.co_consts}
