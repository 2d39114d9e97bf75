/* Shared libraries: the object goes to a temporary file beside the target and through the C compiler (or what CC
 * names it in the machine: `cc`). The library finds libplait_rt where this process has it. */
#define _GNU_SOURCE
#include "driver/driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Path of the runtime library, or "" when it is linked into the program itself. */
static const char *runtime_path(arena *a) {
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)&plrt_region_run, &info) || !info.dli_fname || !strstr(info.dli_fname, ".so"))
        return "";
    char *whole = realpath(info.dli_fname, NULL);
    const char *copy = whole ? arena_strndup(a, whole, strlen(whole)) : "";
    free(whole);
    return copy;
}

static const char *folder_of(arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path)) : ".";
}

static bool write_object(const plait_artifact *a, char *path) {
    int fd = mkstemps(path, 2);
    if (fd < 0)
        return false;
    const char *at = a->object;
    size_t left = a->object_size;
    while (left > 0) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += n;
        left -= (size_t)n;
    }
    return close(fd) == 0 && left == 0;
}

/* Runs the linker with its messages going to `log`; its exit status, or -1 when it could not be started. */
static int run_linker(char *const *command, const char *log) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t pid = 0;
    int failed = posix_spawnp(&pid, command[0], &actions, NULL, command, environ), status = -1;
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *read_log(arena *a, const char *log) {
    char buffer[2000];
    FILE *f = fopen(log, "rb");
    size_t n = f ? fread(buffer, 1, sizeof buffer, f) : 0;
    if (f)
        fclose(f);
    return arena_strndup(a, buffer, n);
}

plait_status link_shared(const plait_artifact *a, const char *path, plait_diagnostics **diagnostics) {
    arena *scratch = arena_new(NULL);
    if (!scratch)
        return PLAIT_OUT_OF_MEMORY;
    char *object = arena_printf(scratch, "%s.XXXXXX.o", path), *log = arena_printf(scratch, "%s.log", path);
    const char *rt = runtime_path(scratch);
    char *command[16] = {"cc", "-shared", "-o", (char *)(uintptr_t)path, object};
    size_t n = 5;
    if (*rt) {
        command[n++] = (char *)(uintptr_t)rt;
        command[n++] = arena_printf(scratch, "-Wl,-rpath,%s", folder_of(scratch, rt));
    }
    if (a->uses_sleef)
        command[n++] = "-l:libsleef.so.3";
    if (a->uses_libmvec)
        command[n++] = "-l:libmvec.so.1";
    command[n++] = "-lm";
    plait_status status = PLAIT_IO_ERROR;
    if (write_object(a, object)) {
        int code = run_linker(command, log);
        status = code == 0 ? PLAIT_OK : PLAIT_ERROR;
        if (code != 0 && diagnostics)
            *diagnostics = diagnostics_one("ValueError", code < 0 ? "cc could not be started" : read_log(scratch, log),
                                           code < 0 ? "writing .so needs a C compiler; write .o instead" : NULL);
    }
    int saved = errno;
    unlink(object);
    unlink(log);
    errno = saved;
    arena_free(scratch);
    return status;
}
