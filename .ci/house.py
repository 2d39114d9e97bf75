"""What grep can check of the house rules: foreign systems behind one door, reasons that are used, no paths of a machine.

Prints each breach as file:line: what is wrong; exits with 1 when there was one.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# what → (pattern of a line that uses it, folders that may)
DOORS = {
    "isl": (r'#\s*include\s*<isl/', ("passes/",)),
    "LLVM": (r'#\s*include\s*[<"]llvm-c/', ("src/llvm/", "src/driver/load")),
    "hwloc": (r'#\s*include\s*<hwloc', ("runtime/",)),
    "libyaml": (r'#\s*include\s*<yaml\.h>', ("runtime/",)),
    "libgomp": (r'#\s*include\s*<omp\.h>|^\s*(extern\s.*)?\bGOMP_\w+\s*\(', ("runtime/", "src/llvm/", "perf/")),
    "CPython": (r'#\s*include\s*[<"]Python\.h', ("python/",)),
    "NumPy": (r'#\s*include\s*[<"]numpy/', ("python/",)),
    "exit or abort": (r'(?<![\w.>_])(exit|abort|_exit)\s*\(', ("src/cli/", "tests/", "runtime/", "examples/", "perf/")),
}
# rooms below another one do not look up
UPWARD = {
    "src/support/": ("syntax", "types", "kir", "elaborate", "llvm", "driver", "cli", "perf", "passes"),
    "src/syntax/": ("types", "kir", "elaborate", "llvm", "driver", "cli", "perf", "passes"),
    "src/types/": ("syntax", "kir", "elaborate", "llvm", "driver", "cli", "perf", "passes"),
    "src/kir/": ("syntax", "elaborate", "llvm", "driver", "cli", "perf", "passes"),
    "src/elaborate/": ("llvm", "driver", "cli", "perf", "passes"),
    "src/llvm/": ("syntax", "elaborate", "driver", "cli", "perf"),
    "passes/": ("syntax", "elaborate", "llvm", "driver", "cli", "perf"),
    "runtime/": ("support", "syntax", "types", "kir", "elaborate", "llvm", "driver", "cli", "perf", "passes"),
    "python/": ("support", "syntax", "types", "kir", "elaborate", "llvm", "driver", "cli", "perf", "passes"),
}
MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(root|home|work|tmp/[a-z]+\d)/")


def tracked():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name]


def lines(name):
    try:
        return list(enumerate((ROOT / name).read_text().splitlines(), 1))
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return []


def without_comments(text):
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"(?<!\.h")', blank, text, flags=re.S)


def breaches_of_doors(names):
    for name in names:
        if not name.endswith((".c", ".h")):
            continue
        code = without_comments((ROOT / name).read_text()).splitlines()
        for number, line in enumerate(code, 1):
            for what, (pattern, rooms) in DOORS.items():
                if re.search(pattern, line) and not name.startswith(rooms):
                    yield f"{name}:{number}: {what} is used outside {', '.join(rooms)}"
            include = re.match(r'\s*#\s*include\s*"(\w+)/', line)
            for room, above in UPWARD.items():
                if include and name.startswith(room) and include.group(1) in above:
                    yield f"{name}:{number}: {room} looks up into {include.group(1)}/"


def breaches_of_reasons(names):
    """Each row of reasons.def, R(code, …) or similar, has a user in passes/ and a mention in the tests."""
    table = ROOT / "passes/reasons.def"
    if not table.exists():
        return
    codes = re.findall(r'^\s*[A-Z_]+\(\s*"?(\w[\w-]*)"?', table.read_text(), flags=re.M)
    if not codes:
        yield "passes/reasons.def: no reasons found"
    read = lambda folders: "\n".join(
        (ROOT / n).read_text(errors="replace") for n in names if n.startswith(folders) and n != "passes/reasons.def"
    )
    users = read(("passes/", "src/"))
    for code in codes:
        if not re.search(rf"\b{re.escape(code)}\b", users):
            yield f"passes/reasons.def: reason {code} is never given"


def breaches_of_the_tour(names):
    """Every file of passes/ is spoken of in docs/tour.md."""
    tour = (ROOT / "docs/tour.md").read_text()
    for name in names:
        found = re.fullmatch(r"passes/(\w+)\.c", name)
        if found and not re.search(rf"\b{found.group(1)}\b", tour):
            yield f"docs/tour.md:1: {name} is not in the tour"


def breaches_of_paths(names):
    for name in names:
        if name.endswith((".xml", ".png")) or name == ".ci/house.py":
            continue
        for number, line in lines(name):
            if MACHINE_PATHS.search(line):
                yield f"{name}:{number}: a path of one machine: {line.strip()[:80]}"


def main():
    names = tracked()
    found = [*breaches_of_doors(names), *breaches_of_reasons(names), *breaches_of_the_tour(names),
             *breaches_of_paths(names)]
    print("\n".join(found) if found else f"house rules: {len(names)} files, no breach")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
