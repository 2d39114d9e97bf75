/* Blocks: counts, alignment, zeroing, reuse of large ones. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/rt.h"

static void expect_alive(int64_t blocks, int64_t bytes) {
    int64_t b, n;
    plrt_memory_stats(&b, &n);
    cr_assert_eq(b, blocks);
    cr_assert_eq(n, bytes);
}

Test(memory, blocks_are_counted_aligned_and_freed_at_zero) {
    static const int64_t sizes[] = {0, 1, 63, 4096, (1 << 20) - 1, 1 << 20, 5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        plrt_block *b = plrt_block_new(sizes[i], 0);
        cr_assert_eq((uintptr_t)b->data % 64, 0);
        memset(b->data, 1, (size_t)sizes[i]);
        expect_alive(1, sizes[i]);
        plrt_retain(b);
        plrt_release(b);
        expect_alive(1, sizes[i]);
        plrt_release(b);
        expect_alive(0, 0);
    }
}

Test(memory, borrowed_and_absent_owners_are_left_alone) {
    plrt_retain(NULL);
    plrt_release(NULL);
    plrt_retain((void *)5);
    plrt_release((void *)5);
    expect_alive(0, 0);
}

Test(memory, zeroed_means_zero_also_when_reused) {
    static const int64_t sizes[] = {1000, 3 << 20};
    for (int i = 0; i < 2; i++)
        for (int round = 0; round < 3; round++) {
            plrt_block *b = plrt_block_new(sizes[i], 1);
            const char *p = b->data;
            for (int64_t j = 0; j < sizes[i]; j++)
                cr_assert_eq(p[j], 0);
            memset(b->data, 255, (size_t)sizes[i]);
            plrt_release(b);
        }
}

Test(memory, large_blocks_are_reused) {
    plrt_block *b = plrt_block_new(8 << 20, 0);
    void *data = b->data;
    plrt_release(b);
    cr_assert_geq(rt_memory_cached(), 8 << 20);
    b = plrt_block_new((8 << 20) - 100, 0);
    cr_assert_eq(b->data, data);
    plrt_block *small = plrt_block_new(2 << 20, 0);
    cr_assert_neq(small->data, data);
    plrt_release(small);
    plrt_release(b);
    rt_memory_purge();
    cr_assert_eq(rt_memory_cached(), 0);
}

Test(memory, what_cannot_be_had_is_null) {
    cr_assert_null(plrt_block_new(INT64_MAX, 0));
    cr_assert_null(plrt_block_new(INT64_MAX - 4096, 1));
    cr_assert_null(plrt_block_new(-1, 0));
    expect_alive(0, 0);
}

Test(memory, many_blocks_released_at_once_stay_within_the_limit) {
    plrt_block *b[64];
    for (int i = 0; i < 64; i++)
        b[i] = plrt_block_new(2 << 20, 0);
    for (int i = 0; i < 64; i++)
        plrt_release(b[i]);
    cr_assert_leq(rt_memory_cached(), 16 * (4 << 20));
}

/* ---- first touch ------------------------------------------------------------------------------------------------------- */

static size_t resident_pages(const void *data, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = bytes / page, resident = 0;
    unsigned char *map = malloc(count);
    cr_assert_eq(mincore((void *)(uintptr_t)data, bytes, map), 0);
    for (size_t i = 0; i < count; i++)
        resident += map[i] & 1;
    free(map);
    return resident;
}

static int32_t fill_part(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    char *data = context;
    (void)block, (void)err;
    for (int64_t i = begin; i < end; i++)
        data[i * 4096] = 1;
    return 0;
}

Test(memory, large_blocks_are_first_touched_by_the_region_that_fills_them) {
    const int64_t bytes = 32 << 20;
    for (int zeroed = 0; zeroed < 2; zeroed++) {
        plrt_region region = {.body = fill_part, .name = "test:1"};
        plrt_error err;
        rt_memory_purge();
        plrt_block *b = plrt_block_new(bytes, zeroed);
        cr_assert_eq(resident_pages(b->data, (size_t)bytes), 0);
        cr_assert_eq(plrt_region_run(&region, b->data, bytes / 4096, INT64_MAX, &err), 0);
        cr_assert_eq(resident_pages(b->data, (size_t)bytes), (size_t)bytes / (size_t)sysconf(_SC_PAGESIZE));
        plrt_release(b);
    }
}
