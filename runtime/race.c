/* Races looked for while a kernel runs (race='check').
 *
 * A prange loop that was not proven independent then runs its iterations one after the other, and calls in here before
 * every access to memory. What is kept, per element and by its address, is the last iteration that wrote it and the last
 * two that read it: enough, since iterations come in order, to see every element that two iterations use and one of them
 * writes. Addresses, not names: views and arguments that overlap are seen through.
 *
 * The unit is the smallest element of any array of the kernel, counted from an access's first byte; a larger element
 * takes several. Arrays whose elements straddle one another's (a packed record's fields) are not told from neighbours.
 * Memory is bounded: beyond MOST elements nothing new is noted, and a race in what came later goes unseen. Memory that
 * is given out afresh during an iteration is forgotten first. All state belongs to the thread that runs the loop; it is
 * kept for the next loop and freed with the thread. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt.h"

enum { FIRST = 1 << 12, MOST = 1 << 24 };

typedef struct seen { /* one unit of memory; lines are 0 where there was no such iteration */
    uintptr_t address;
    int64_t writer, reader, other_reader;
    uint32_t write_line, read_line, other_line;
} seen;

typedef struct race {
    seen *table;
    size_t len, cap;
    size_t unit;
    int64_t depth; /* of prange loops that are checked; the outermost counts */
    int64_t iteration;
    int64_t first, first_line; /* the earlier iteration of the last conflict */
} race;

static RT_TLS race *self;
static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void free_race(void *p) {
    race *r = p;
    free(r->table);
    free(r);
}

static void make_key(void) {
    pthread_key_create(&key, free_race);
}

static race *own(void) {
    if (self)
        return self;
    pthread_once(&key_once, make_key);
    self = calloc(1, sizeof *self);
    if (self)
        pthread_setspecific(key, self);
    return self;
}

static size_t place_of(uintptr_t address, size_t cap) {
    return (size_t)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 24) & (cap - 1);
}

/* The place of an address, or the free place where it would stand. */
static seen *find(seen *table, size_t cap, uintptr_t address) {
    size_t at = place_of(address, cap);
    while (table[at].address && table[at].address != address)
        at = (at + 1) & (cap - 1);
    return &table[at];
}

/* Keeps the old table when memory is short. */
static void grow(race *r) {
    size_t cap = r->cap ? r->cap * 2 : FIRST;
    seen *table = cap <= 2 * (size_t)MOST ? calloc(cap, sizeof *table) : NULL;
    if (!table)
        return;
    for (size_t k = 0; k < r->cap; k++)
        if (r->table[k].address)
            *find(table, cap, r->table[k].address) = r->table[k];
    free(r->table);
    r->table = table;
    r->cap = cap;
}

/* NULL: there is no room for an address that was not seen before. */
static seen *note(race *r, uintptr_t address) {
    if (r->len * 2 >= r->cap)
        grow(r);
    if (!r->cap)
        return NULL;
    seen *s = find(r->table, r->cap, address);
    if (s->address)
        return s;
    if (r->len * 2 >= r->cap)
        return NULL;
    *s = (seen){.address = address};
    r->len++;
    return s;
}

static int64_t conflict(race *r, int64_t iteration, uint32_t line, bool wrote) {
    r->first = iteration;
    r->first_line = line;
    return wrote ? PLRT_RACE_WRITTEN : PLRT_RACE_READ;
}

static int64_t read_unit(race *r, seen *s, uint32_t line) {
    if (s->write_line && s->writer != r->iteration)
        return conflict(r, s->writer, s->write_line, true);
    if (s->read_line && s->reader != r->iteration) {
        s->other_reader = s->reader;
        s->other_line = s->read_line;
    }
    s->reader = r->iteration;
    s->read_line = line;
    return PLRT_RACE_NONE;
}

static int64_t write_unit(race *r, seen *s, uint32_t line) {
    if (s->write_line && s->writer != r->iteration)
        return conflict(r, s->writer, s->write_line, true);
    if (s->read_line && s->reader != r->iteration)
        return conflict(r, s->reader, s->read_line, false);
    if (s->other_line && s->other_reader != r->iteration)
        return conflict(r, s->other_reader, s->other_line, false);
    s->writer = r->iteration;
    s->write_line = line;
    return PLRT_RACE_NONE;
}

static int64_t touch(const void *p, int64_t bytes, bool writes, int64_t line) {
    race *r = self;
    if (!r || r->depth == 0)
        return PLRT_RACE_NONE;
    for (size_t k = 0; k < (size_t)bytes; k += r->unit) {
        seen *s = note(r, (uintptr_t)p + k);
        int64_t found = !s       ? PLRT_RACE_NONE
                        : writes ? write_unit(r, s, (uint32_t)line)
                                 : read_unit(r, s, (uint32_t)line);
        if (found)
            return found;
    }
    return PLRT_RACE_NONE;
}

void plrt_race_reset(void) {
    if (self)
        self->depth = 0;
}

void plrt_race_begin(int64_t unit) {
    race *r = own();
    if (!r || r->depth++ > 0)
        return;
    r->unit = unit > 0 ? (size_t)unit : 1;
    r->len = 0;
    if (r->cap)
        memset(r->table, 0, r->cap * sizeof *r->table);
}

void plrt_race_iteration(int64_t value) {
    if (self && self->depth == 1)
        self->iteration = value;
}

void plrt_race_end(void) {
    race *r = self;
    if (!r || r->depth == 0 || --r->depth > 0)
        return;
    free(r->table);
    r->table = NULL;
    r->len = r->cap = 0;
}

int64_t plrt_race_read(const void *p, int64_t bytes, int64_t line) {
    return touch(p, bytes, false, line);
}

int64_t plrt_race_write(void *p, int64_t bytes, int64_t line) {
    return touch(p, bytes, true, line);
}

/* Variables have no address: their numbers stand where no memory is, below the first page that is ever mapped. */
static uintptr_t address_of_variable(int64_t number) {
    return (uintptr_t)(number % 4000 + 1);
}

/* A variable is each iteration's own; what is wrong is to use another iteration's value. */
int64_t plrt_race_use(int64_t variable, int64_t line) {
    race *r = self;
    seen *s = r && r->depth ? note(r, address_of_variable(variable)) : NULL;
    (void)line;
    return s && s->write_line && s->writer != r->iteration ? conflict(r, s->writer, s->write_line, true)
                                                           : PLRT_RACE_NONE;
}

void plrt_race_assign(int64_t variable, int64_t line) {
    race *r = self;
    seen *s = r && r->depth ? note(r, address_of_variable(variable)) : NULL;
    if (s) {
        s->writer = r->iteration;
        s->write_line = (uint32_t)line;
    }
}

static int64_t touch_axis(const plrt_array *a, char *p, int64_t axis, int64_t ndim, int64_t bytes, bool writes,
                          int64_t line) {
    if (axis == ndim)
        return touch(p, bytes, writes, line);
    int64_t found = PLRT_RACE_NONE;
    for (int64_t k = 0; k < a->dims[axis] && !found; k++)
        found = touch_axis(a, p + k * a->dims[ndim + axis], axis + 1, ndim, bytes, writes, line);
    return found;
}

int64_t plrt_race_all(const plrt_array *a, int64_t ndim, int64_t bytes, int64_t writes, int64_t line) {
    return touch_axis(a, a->data, 0, ndim, bytes, writes != 0, line);
}

int64_t plrt_race_earlier(void) {
    return self ? self->first : 0;
}

int64_t plrt_race_later(void) {
    return self ? self->iteration : 0;
}

int64_t plrt_race_line(void) {
    return self ? self->first_line : 0;
}

static void forget_unit(seen *s) {
    s->write_line = s->read_line = s->other_line = 0;
}

void plrt_race_fresh(const plrt_array *a, int64_t ndim, int64_t bytes) {
    int64_t count = 1;
    for (int64_t k = 0; k < ndim; k++)
        count *= a->dims[k];
    rt_race_forget(a->data, (size_t)(count * bytes));
}

void rt_race_forget(const void *p, size_t bytes) {
    race *r = self;
    if (!r || r->depth == 0 || r->len == 0)
        return;
    uintptr_t low = (uintptr_t)p, high = low + bytes;
    if (bytes / r->unit > r->cap) {
        for (size_t k = 0; k < r->cap; k++)
            if (r->table[k].address >= low && r->table[k].address < high)
                forget_unit(&r->table[k]);
        return;
    }
    for (uintptr_t at = low; at < high; at += r->unit) {
        seen *s = find(r->table, r->cap, at);
        if (s->address)
            forget_unit(s);
    }
}
