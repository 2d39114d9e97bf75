/* Where the calling thread's stack ends.
 *
 * Asked once for each thread, since for the main thread the answer means reading its memory map. In a process without a
 * limit the main thread's stack has no end to speak of, so depth is bounded by STACK_MOST below the first who asks.
 * A child of fork() has the stack of the thread that forked, and its thread-local variables. */
#define _GNU_SOURCE
#include <pthread.h>

#include "runtime/rt.h"

enum {
    STACK_MOST = 64 << 20,
    STACK_UNKNOWN = 512 << 10, /* what is supposed to be there when the system does not tell */
    RESERVE_LEAST = 16 << 10,
    RESERVE_MOST = 512 << 10, /* for what kernels call: printing, BLAS, signal handlers */
};

static RT_TLS char *limit;

static char *find_limit(char *here) {
    pthread_attr_t attr;
    void *low = NULL;
    size_t size = 0, left = STACK_UNKNOWN;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        if (pthread_attr_getstack(&attr, &low, &size) == 0 && (uintptr_t)low < (uintptr_t)here)
            left = (uintptr_t)here - (uintptr_t)low;
        pthread_attr_destroy(&attr);
    }
    if (left > STACK_MOST)
        left = STACK_MOST;
    size_t reserve = left / 4 < RESERVE_MOST ? left / 4 : RESERVE_MOST;
    if (reserve < RESERVE_LEAST)
        reserve = RESERVE_LEAST;
    return here - left + reserve;
}

void *plrt_stack_limit(void) {
    if (limit == NULL)
        limit = find_limit((char *)__builtin_frame_address(0));
    return limit;
}
