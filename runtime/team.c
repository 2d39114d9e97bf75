/* Teams on libgomp: growing a pool without risking the process, and what is left of one after fork().
 *
 * libgomp keeps a pool for every thread that ever called GOMP_parallel. Three of its habits need care:
 *   - a team smaller than the one before ends threads, a larger one starts them (milliseconds): a thread's team
 *     shrinks only after a long row of smaller ones, and until then surplus members find no work;
 *   - when a thread cannot be created, libgomp ends the process: before a pool grows, the missing threads are tried
 *     out with pthread_create, and the team is as large as that allows;
 *   - the pool does not survive fork(), and the child's first GOMP_parallel on the same thread waits for ever: such a
 *     thread hands its regions to a fresh thread, which gets a pool of its own. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/rt.h"

static RT_TLS int32_t pool_size;                  /* members of this thread's team, itself included; 0: none yet */
static RT_TLS int32_t pool_limit;                 /* what creating threads allowed; 0: untried */
static RT_TLS int32_t smaller_teams, most_wanted; /* regions in a row that wanted less, and what they wanted */
static RT_TLS bool orphaned;                      /* this thread came through a fork */

enum { SHRINK_AFTER = 256 };

/* ---- trying out threads -------------------------------------------------------------------------------------------
 */

typedef struct trial {
    pthread_mutex_t lock;
} trial;

static void *wait_and_end(void *arg) {
    trial *t = arg;
    pthread_mutex_lock(&t->lock);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* OMP_STACKSIZE as libgomp reads it: a number with a unit B, K (the default), M or G; 0: not set. */
static size_t stack_size(void) {
    const char *text = getenv("OMP_STACKSIZE");
    if (text == NULL)
        return 0;
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    while (*end == ' ')
        end++;
    int shift = 10;
    if (*end == 'b' || *end == 'B')
        shift = 0;
    if (*end == 'm' || *end == 'M')
        shift = 20;
    if (*end == 'g' || *end == 'G')
        shift = 30;
    return n > SIZE_MAX >> shift ? 0 : (size_t)n << shift;
}

/* Threads of the process, and something; 0: unknown. */
static nlink_t count_tasks(void) {
    struct stat about;
    return stat("/proc/self/task", &about) == 0 ? about.st_nlink : 0;
}

/* A thread that was joined counts against limits until the kernel has released it, some microseconds later, or more when
 * it is not let run: libgomp must not find the limit reached by those that were tried out. */
static void wait_until_released(nlink_t before) {
    for (int i = 0; i < 200 && count_tasks() > before; i++)
        nanosleep(&(struct timespec){0, 50000}, NULL);
}

/* How many of `count` more threads can live at once. They all wait for the lock, so that none ends early. */
static int32_t creatable(int32_t count) {
    trial t;
    pthread_attr_t attr;
    pthread_t *threads = malloc((size_t)count * sizeof *threads);
    if (threads == NULL)
        return 0;
    pthread_mutex_init(&t.lock, NULL);
    pthread_attr_init(&attr);
    size_t stack = stack_size();
    if (stack != 0)
        pthread_attr_setstacksize(&attr, stack);
    nlink_t before = count_tasks();
    pthread_mutex_lock(&t.lock);
    int32_t made = 0;
    while (made < count && pthread_create(&threads[made], &attr, wait_and_end, &t) == 0)
        made++;
    pthread_mutex_unlock(&t.lock);
    for (int32_t i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    wait_until_released(before);
    pthread_attr_destroy(&attr);
    pthread_mutex_destroy(&t.lock);
    free(threads);
    return made;
}

/* One thread of slack is left when the trial failed: libgomp needs memory for its own tables too. */
static int32_t grow_pool(int32_t threads) {
    if (pool_limit != 0 && threads > pool_limit)
        threads = pool_limit;
    if (threads <= pool_size)
        return pool_size;
    int32_t have = pool_size > 0 ? pool_size : 1;
    int32_t made = creatable(threads - have);
    if (made < threads - have) {
        threads = have + (made > 0 ? made - 1 : 0);
        pool_limit = threads;
    }
    pool_size = threads;
    return threads;
}

/* Every member costs at every region, whether there is work for it or not: when no region of a long row wanted the whole
 * pool, the surplus goes. */
static void shrink_pool(int32_t threads) {
    if (threads == pool_size) {
        smaller_teams = 0;
        most_wanted = 0;
        return;
    }
    most_wanted = threads > most_wanted ? threads : most_wanted;
    if (++smaller_teams < SHRINK_AFTER)
        return;
    pool_size = most_wanted;
    smaller_teams = 0;
    most_wanted = 0;
}

void rt_team_run(void (*fn)(void *), void *data, int32_t threads) {
    if (threads <= pool_size)
        shrink_pool(threads);
    int32_t size = threads <= pool_size ? pool_size : grow_pool(threads);
    GOMP_parallel(fn, data, (unsigned)size, 0);
}

/* ---- after fork ---------------------------------------------------------------------------------------------------
 */

typedef struct leader {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    void (*fn)(void *);
    void *data;
    int32_t threads;
    bool busy;
} leader;

static RT_TLS leader *my_leader;

static void *lead(void *arg) {
    leader *l = arg;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (!l->busy)
            pthread_cond_wait(&l->wake, &l->lock);
        pthread_mutex_unlock(&l->lock);
        rt_team_run(l->fn, l->data, l->threads);
        pthread_mutex_lock(&l->lock);
        l->busy = false;
        pthread_cond_broadcast(&l->wake);
    }
    return NULL;
}

static leader *new_leader(void) {
    leader *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attr, lead, l);
    pthread_attr_destroy(&attr);
    if (failed == 0)
        return l;
    free(l);
    return NULL;
}

bool rt_team_orphaned(void) {
    return orphaned;
}

bool rt_team_run_elsewhere(void (*fn)(void *), void *data, int32_t threads, void (*idle)(void *)) {
    if (my_leader == NULL)
        my_leader = new_leader();
    leader *l = my_leader;
    if (l == NULL)
        return false;
    pthread_mutex_lock(&l->lock);
    l->fn = fn;
    l->data = data;
    l->threads = threads;
    l->busy = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
    idle(data);
    pthread_mutex_lock(&l->lock);
    while (l->busy)
        pthread_cond_wait(&l->wake, &l->lock);
    pthread_mutex_unlock(&l->lock);
    return true;
}

/* No lock of the runtime may be held by a thread that does not exist in the child. */
static void lock_all(void) {
    rt_worth_lock();
    rt_lists_lock();
    rt_limit_lock();
    rt_memory_lock();
}

static void unlock_all(void) {
    rt_memory_unlock();
    rt_limit_unlock();
    rt_lists_unlock();
    rt_worth_unlock();
}

/* Runs in the child, on the one thread that is left. Its leader, if it had one, is gone too. */
static void after_fork_in_child(void) {
    orphaned = true;
    my_leader = NULL;
    pool_size = 0;
    pool_limit = 0;
    rt_budget_reset();
    if (rt_this_caller != NULL)
        rt_plans_forget(rt_this_caller);
    unlock_all();
}

static void register_handlers(void) {
    pthread_atfork(lock_all, unlock_all, after_fork_in_child);
}

/* At load time: a thread that used libgomp for another library before its first region here is orphaned as well. */
__attribute__((constructor)) static void prepare_for_fork(void) {
    register_handlers();
}
