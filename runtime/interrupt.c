/* Interrupts and the host's hooks.
 *
 * Python's own SIGINT handler only notes that the signal came; it is acted on when the interpreter next looks, which it
 * cannot while a kernel runs. So when a host has set the hook `interrupted`, a handler is put in front of the one
 * installed: it raises plrt_interrupted and calls on. Loops and regions test the flag and then ask the host.
 *
 * signal.signal() takes the handler away again (Jupyter does so before every cell), therefore plrt_interrupt_watch puts
 * it back, looking at most every 50 ms.
 *
 * The host can act on the main thread alone. Other threads that ask get "go on" and leave the flag up for the main
 * thread; when nobody took it for a while, they lower it. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/rt.h"

enum { LOOK_EVERY_NS = 50 * 1000 * 1000, STALE_NS = 200 * 1000 * 1000 };

volatile int32_t plrt_interrupted;
plrt_hooks rt_hooks;

static struct sigaction next_handler;
static _Atomic int64_t raised_at, looked_at;
static _Atomic int32_t installing;
static volatile sig_atomic_t inside;

static int64_t read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t rt_now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

/* `inside` ends the circle that arises when another library chained to this handler and was chained to in turn. */
static void note_signal(int signal, siginfo_t *info, void *context) {
    if (inside)
        return;
    inside = 1;
    atomic_store_explicit(&raised_at, rt_now(), memory_order_relaxed);
    plrt_interrupted = 1;
    if (next_handler.sa_flags & SA_SIGINFO) {
        next_handler.sa_sigaction(signal, info, context);
    } else if (next_handler.sa_handler != SIG_DFL && next_handler.sa_handler != SIG_IGN) {
        next_handler.sa_handler(signal);
    }
    inside = 0;
}

static bool is_ours(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == note_signal;
}

static bool is_function(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static void install_handler(void) {
    struct sigaction now, ours;
    if (atomic_exchange(&installing, 1))
        return;
    if (sigaction(SIGINT, NULL, &now) == 0 && !is_ours(&now) && is_function(&now)) {
        next_handler = now;
        memset(&ours, 0, sizeof ours);
        ours.sa_sigaction = note_signal;
        ours.sa_flags = now.sa_flags | SA_SIGINFO;
        ours.sa_mask = now.sa_mask;
        sigaction(SIGINT, &ours, NULL);
    }
    atomic_store(&installing, 0);
}

void plrt_interrupt_watch(void) {
    if (rt_hooks.interrupted == NULL)
        return;
    int64_t now = read_clock(CLOCK_MONOTONIC_COARSE);
    int64_t before = atomic_load_explicit(&looked_at, memory_order_relaxed);
    if (before != 0 && now - before < LOOK_EVERY_NS)
        return;
    atomic_store_explicit(&looked_at, now, memory_order_relaxed);
    install_handler();
}

void plrt_set_hooks(const plrt_hooks *hooks) {
    static const plrt_hooks none;
    rt_hooks = hooks != NULL ? *hooks : none;
    atomic_store(&looked_at, 0);
}

/* The main thread lowers the flag before it asks, so that a signal that comes meanwhile is not lost. */
bool rt_interrupt_ask(void) {
    bool is_main = getpid() == gettid();
    if (is_main || rt_hooks.interrupted == NULL)
        plrt_interrupted = 0;
    if (rt_hooks.interrupted == NULL)
        return false;
    if (rt_hooks.interrupted() != 0)
        return true;
    if (!is_main && rt_now() - atomic_load_explicit(&raised_at, memory_order_relaxed) > STALE_NS)
        plrt_interrupted = 0;
    return false;
}
