/* What reorder.c and fronts.c share: a nest being rewritten and the plans for its statements. */
#ifndef PLAIT_PASSES_REORDER_H
#define PLAIT_PASSES_REORDER_H

#include "passes/expand.h"
#include "passes/scop.h"

enum { REORDER_USES = 24, NO_DIM = SCOP_DEPTH };

typedef struct reorderer {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    dep_session *session;
    live_map *live;
} reorderer;

typedef struct use { /* a load or store of a statement */
    kir_stmt *s;
    kir_var *array;
    kir_expr *const *index;
    uint32_t n;
    bool is_store, is_direct;
} use;

typedef struct plan { /* for one statement of a nest */
    uint32_t stmt;
    use uses[REORDER_USES];
    uint32_t n_uses;
    const use *store, *load; /* the update of one element; load may be NULL */
    uint32_t vector;         /* dimensions */
    uint32_t parallel;       /* NO_DIM: none */
    uint32_t rows, columns;  /* of the register block; rows may be NO_DIM */
    bool sums;               /* the vector loop is the sum */
    uint32_t tiles, tile_dim[SCOP_DEPTH], tile_size[SCOP_DEPTH];
    uint32_t order[SCOP_DEPTH]; /* of the loops in a tile */
    bool moves[SCOP_DEPTH];     /* dependences of the statement on itself go forward in it */
    kir_var *pays;              /* has the nest work enough for blocks of rows? NULL: yes */
    int64_t strip;              /* of the vector loop, kept in registers while the columns run; 0: none */
    bool apart;                 /* what is updated is read by no other access while the nest runs */
    bool turned[SCOP_DEPTH];    /* runs upwards although the source's loop runs downwards: nothing is carried */
} plan;

typedef struct nest { /* being rewritten */
    reorderer *z;
    scop *s;
    plan *plans[SCOP_STATEMENTS]; /* by statement; NULL: source order */
    kir_expr **parameter;
    uint32_t n_parameters;
    kir_stmt *source; /* the nest as it was; s->nest is it or a copy in which scalars are arrays */
    expanded arrays[EXPAND_MAX];
    uint32_t n_arrays;
    struct front *front; /* of fronts_find */
    bool shared;         /* the nest's loop carries nothing: all phases run in each of its tiles */
    uint32_t tile;       /* its size */
    bool sized;          /* at most `tile`: as large as leaves a tile for each thread. Parameter `u` is where it ends */
    kir_var *at[2];      /* shared: where the tile begins; fronts: the numbers of the tile. Parameters `t`, `u`
                            of sets */
} nest;

/* Places statement p->stmt as p says, restricted to `where` (a set over its domain; taken). */
bool reorder_put(nest *n, const plan *p, struct isl_set *where, bool *taken, kir_block *out);
/* The loops along the block's rows and columns; false when the statement's shape is another. */
void reorder_take_roles(const scop_stmt *t, plan *p);
/* Do other loads of the updated array touch the element while the sum over p->columns runs? */
bool reorder_meets_other_loads(nest *n, const plan *p);

/* fronts.c: nests whose statements depend on one another in a circle, as wavefronts of tiles. */
bool fronts_find(nest *n);
bool fronts_put(nest *n, kir_block *out);

#endif
