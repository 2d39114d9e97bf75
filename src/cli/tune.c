/* plait tune: measuring calls kernels as Python does, so the work is the package's; this finds an interpreter for it. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of this program; false: unknown. */
static bool find_folder(char *folder, size_t size) {
    ssize_t n = readlink("/proc/self/exe", folder, size - 1);
    if (n <= 0 || (size_t)n >= size - 1)
        return false;
    folder[n] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* In a build tree the package lies beside the program. */
static void offer_package(const char *folder) {
    char path[PATH_MAX + 32], all[3 * PATH_MAX];
    const char *old = getenv("PYTHONPATH");
    snprintf(path, sizeof path, "%s/python/plait/__init__.py", folder);
    if (access(path, R_OK) != 0)
        return;
    int n = snprintf(all, sizeof all, "%s/python%s%s", folder, old && *old ? ":" : "", old ? old : "");
    if (n > 0 && n < (int)sizeof all)
        setenv("PYTHONPATH", all, 1);
}

int cli_tune(int argc, char **argv) {
    char folder[PATH_MAX], beside[PATH_MAX + 16];
    const char *python = getenv("PLAIT_PYTHON");
    char **words = calloc((size_t)argc + 4, sizeof *words);
    if (!words)
        return EXIT_FAILED;
    bool known = find_folder(folder, sizeof folder);
    if (known)
        offer_package(folder);
    snprintf(beside, sizeof beside, "%s/python3", known ? folder : ".");
    if (!python || !*python)
        python = known && access(beside, X_OK) == 0 ? beside : "python3";
    words[0] = (char *)(uintptr_t)python;
    words[1] = "-m";
    words[2] = "plait.tuning";
    memcpy(words + 3, argv + 1, (size_t)(argc - 1) * sizeof *words);
    execvp(python, words);
    fprintf(stderr, "plait tune: %s: %s (PLAIT_PYTHON names the interpreter that has the package)\n", python,
            strerror(errno));
    free(words);
    return EXIT_FAILED;
}
