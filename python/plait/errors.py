"""What compiling can raise. The names are Numba's where Numba has one."""


class PlaitWarning(Warning):
    """A kernel compiles, but perhaps not as meant."""


class PlaitError(Exception):
    """A kernel cannot be compiled. `diagnostics` holds the single findings."""

    def __init__(self, message="", diagnostics=()):
        super().__init__(message)
        self.msg = message
        self.diagnostics = tuple(diagnostics)

    def __str__(self):
        return self.msg


class TypingError(PlaitError):
    """No type can be given to an expression."""


class UnsupportedError(PlaitError):
    """Python, but not the part of it that kernels are written in."""


class LoweringError(PlaitError):
    """A kernel has types, but no code can be made of it."""


class ParallelRaceError(PlaitError):
    """Two iterations of a prange were proven to fight over one element."""


class KernelSyntaxError(PlaitError, SyntaxError):
    """The source of a kernel is not Python."""

    def __init__(self, message="", diagnostics=()):
        PlaitError.__init__(self, message, diagnostics)


class RequestError(PlaitError, ValueError):
    """A signature or an option that is none."""


class OptionError(PlaitError, KeyError, TypeError):
    """An option that does not exist or cannot have that value."""


class ConfigError(PlaitError, ValueError):
    """A configuration file, an environment variable or a setting that says what cannot be."""


class InternalError(PlaitError):
    """A mistake of the compiler's."""


class Diagnostic:
    """One finding: kind, file, line, col, end_line, end_col, message, hint, and all of it as `text`."""

    __slots__ = ("kind", "file", "line", "col", "end_line", "end_col", "message", "hint", "text")

    def __init__(self, *values):
        for name, value in zip(self.__slots__, values):
            setattr(self, name, value)

    def __repr__(self):
        return f"<{self.kind} at {self.file}:{self.line}: {self.message}>"


_BY_KIND = {
    "SyntaxError": KernelSyntaxError,
    "UnsupportedError": UnsupportedError,
    "TypingError": TypingError,
    "LoweringError": LoweringError,
    "ParallelRaceError": ParallelRaceError,
    "ValueError": RequestError,
    "InternalError": InternalError,
}


def _explain(d, remarks):
    """The compiler knows a name without a binding only as one that is not defined. What it is, and why that is of no use to a
    kernel, takes the place of that; the nearest other name is no remedy then."""
    name = next((n for n in remarks if d.message == f"name '{n}' is not defined"), None)
    if name is None:
        return
    why = remarks[name]
    lines = [line for line in (d.text or d.message).rstrip("\n").split("\n") if line != f"    {d.hint}"]
    text = "\n".join(lines).replace(d.message, f"'{name}' {why}", 1)
    d.message, d.hint = f"'{name}' {why}", None
    if "as a constant" in why:
        d.hint = "pass what the kernel needs of it as an argument: numbers, tuples, arrays"
        text += f"\n    {d.hint}"
    d.text = text


def report(found, failed, remarks=None):
    """Warns of the warnings among the compiler's findings, raises the errors as one exception. remarks: {name: why the kernel
    cannot use it} of names that were not bound."""
    diagnostics = [Diagnostic(*values) for values in found]
    errors = [d for d in diagnostics if d.kind != "warning"]
    for d in errors:
        _explain(d, remarks or {})
    for d in diagnostics:
        if d.kind == "warning":
            import warnings

            warnings.warn_explicit(d.text or d.message, PlaitWarning, d.file or "<kernel>", d.line or 1)
    if not failed:
        return
    text = "\n".join((d.text or d.message).rstrip("\n") for d in errors) or "compiling failed for an unknown reason"
    for name, why in (remarks or {}).items():
        if "." in name and any(f"'{name.rpartition('.')[2]}'" in d.message for d in errors):
            text += f"\n    {name!r} {why}"
    raise _BY_KIND.get(errors[0].kind if errors else "InternalError", InternalError)(text, diagnostics)


# Numba's names. What plait does not tell apart has the nearest class.
NumbaError = PlaitError
NumbaWarning = PlaitWarning
CompilerError = IRError = VerificationError = LoweringError
ByteCodeSupportError = UnsupportedError
UnsupportedRewriteError = UnsupportedParforsError = NumbaNotImplementedError = UnsupportedError
NumbaTypeError = NumbaValueError = NumbaAttributeError = NumbaIndexError = NumbaKeyError = TypingError
RequireLiteralValue = LiteralTypingError = ConstantInferenceError = NotDefinedError = RedefinedError = TypingError
NumbaAssertionError = NumbaRuntimeError = PlaitError


class NumbaPerformanceWarning(PlaitWarning):
    pass


class NumbaDeprecationWarning(PlaitWarning, DeprecationWarning):
    pass


class NumbaPendingDeprecationWarning(PlaitWarning, PendingDeprecationWarning):
    pass


class NumbaParallelSafetyWarning(PlaitWarning):
    pass


class NumbaTypeSafetyWarning(PlaitWarning):
    pass


class NumbaExperimentalFeatureWarning(PlaitWarning):
    pass
