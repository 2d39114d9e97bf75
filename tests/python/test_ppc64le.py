"""The runtime on POWER: built by a cross compiler without warnings, run by qemu with a kernel that plait compiled for it, in
children of fork() too. (qemu 7.2 itself ends when a child of a process that had threads makes a thread, so those children
compute on one; teams of children are tested in a process that had none, and natively in tests/runtime/test_fork.c.) Needs gcc-powerpc64le-linux-gnu, libgomp1-ppc64el-cross and qemu-user."""
import concurrent.futures
import pathlib
import shutil
import subprocess

import pytest
from test_cli import PLAIT, ROOT

CC, QEMU = shutil.which("powerpc64le-linux-gnu-gcc"), shutil.which("qemu-ppc64le")
SYSTEM = pathlib.Path("/usr/powerpc64le-linux-gnu")
pytestmark = [
    pytest.mark.skipif(CC is None or QEMU is None, reason="no powerpc64le-linux-gnu-gcc or no qemu-ppc64le"),
    pytest.mark.skipif(not (SYSTEM / "lib/libgomp.so.1").exists(), reason="no libgomp for ppc64le"),
    pytest.mark.skipif(not pathlib.Path("/usr/include/yaml.h").exists(), reason="no yaml.h"),
]
FLAGS = ["-O2", "-std=gnu17", "-fPIC", "-DNDEBUG", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wmissing-prototypes",
         "-Werror", "-I", ROOT, "-I", ROOT / "include", "-idirafter", "/usr/include"]  # fmt: skip
NEED_HWLOC = {"picture.c", "place.c", "topology.c"}  # libplait_topology, which is loaded when it is there

KERNEL = """
from plait import njit, prange

@njit(parallel=True)
def dot(x, y):
    s = 0.0
    for i in prange(len(x)):
        s += x[i] * y[i]
    return s
"""

PROGRAM = """
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "dot.h"

enum { N = 100000, CHILDREN = 100 };
static double x[N];

static bool is_right(void) {
    plrt_error err;
    const int64_t shape[1] = {N};
    double result = 0;
    return dot(x, shape, x, shape, &result, &err) == 0 && result == (double)N * 9;
}

static bool has_right_child(bool (*work)(void)) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        _exit(work() ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool is_right_alone(void) {
    plrt_set_num_threads(1);
    return is_right();
}

static bool has_right_grandchild(void) {
    return is_right_alone() && has_right_child(is_right_alone);
}

static void *compute_for_ever(void *over) {
    while (!*(_Atomic bool *)over)
        if (!is_right())
            abort();
    return NULL;
}

int main(void) {
    int right = 0;
    static _Atomic bool over;
    pthread_t thread;
    plrt_set_min_work(0);
    for (int i = 0; i < N; i++)
        x[i] = 3;
    for (int i = 0; i < 20; i++)
        right += has_right_child(is_right);
    printf("%d of 20 children with teams\\n", right);
    right = 0;
    for (int i = 0; i < 100; i++)
        right += is_right() && has_right_child(i % 10 == 0 ? has_right_grandchild : is_right_alone);
    printf("%d of 100 children of a process with a team\\n", right);
    pthread_create(&thread, NULL, compute_for_ever, &over);
    right = 0;
    for (int i = 0; i < 20; i++)
        right += has_right_child(is_right_alone);
    over = true;
    pthread_join(thread, NULL);
    printf("%d of 20 beside a thread in regions\\n", right);
    return 0;
}
"""


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """The runtime's objects for ppc64le."""
    folder = tmp_path_factory.mktemp("ppc64le")

    def compile_one(source):
        out = folder / (source.stem + ".o")
        done = subprocess.run([CC, *FLAGS, "-c", source, "-o", out], capture_output=True, text=True, timeout=300)
        return out, done.stderr

    sources = [s for s in sorted((ROOT / "runtime").glob("*.c")) if s.name not in NEED_HWLOC]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = list(pool.map(compile_one, sources))
    assert "".join(said for _, said in made) == ""
    return [out for out, _ in made]


def test_children_of_fork_compute_right_on_ppc64le(objects, tmp_path):
    (tmp_path / "dot.py").write_text(KERNEL)
    (tmp_path / "program.c").write_text(PROGRAM)
    subprocess.run([PLAIT, "compile", "dot.py:dot", "--sig", "float64(float64[::1], float64[::1])", "--target",
                    "powerpc64le-linux-gnu", "--cpu", "pwr9", "-o", "dot.o", "-o", "dot.h"], cwd=tmp_path, check=True, timeout=120)  # fmt: skip
    subprocess.run([CC, *FLAGS, "-I", tmp_path, tmp_path / "program.c", tmp_path / "dot.o", *objects, "-lgomp", "-lpthread",
                    "-lm", "-ldl", "-o", tmp_path / "program"], check=True, timeout=120)  # fmt: skip
    done = subprocess.run([QEMU, "-L", SYSTEM, tmp_path / "program"], capture_output=True, text=True, timeout=200,
                          env={"PLAIT_NUM_THREADS": "4", "PLAIT_CONFIG": "", "PLAIT_CACHE_DIR": str(tmp_path / "cache")})
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("20 of 20 children with teams\n100 of 100 children of a process with a team\n"
                           "20 of 20 beside a thread in regions\n")  # fmt: skip
