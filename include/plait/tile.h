/* How tiles are asked for: one number for every edge, or one for each of the outermost loops of a nest, which one int64_t
 * holds: up to four of 15 bits, the outermost loop's lowest, and a bit above them that tells the two apart. */
#ifndef PLAIT_TILE_H
#define PLAIT_TILE_H

#include <stddef.h>
#include <stdint.h>

enum { PLAIT_TILE_EDGES = 4, PLAIT_TILE_BITS = 15, PLAIT_TILE_MOST = (1 << PLAIT_TILE_BITS) - 1 };
#define PLAIT_TILE_LIST ((int64_t)1 << 60)

/* The most iterations of the tile's edge along a nest's loop, 0 being the outermost; 0: the compiler's choice. */
static inline int64_t plait_tile_edge(int64_t tile, uint32_t loop) {
    if (tile < PLAIT_TILE_LIST)
        return tile;
    return loop < PLAIT_TILE_EDGES ? (tile >> PLAIT_TILE_BITS * loop) & PLAIT_TILE_MOST : 0;
}

/* Edges as one number; each from 0 to PLAIT_TILE_MOST, n from 1 to PLAIT_TILE_EDGES. */
static inline int64_t plait_tile_of(const int64_t *edges, size_t n) {
    int64_t tile = 0;
    for (size_t i = 0; i < n; i++)
        tile |= edges[i] << PLAIT_TILE_BITS * i;
    return tile ? tile | PLAIT_TILE_LIST : 0;
}

#endif
