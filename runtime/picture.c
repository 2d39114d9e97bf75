/* A machine as nested boxes, with the threads of a team on it, as SVG.
 *
 * An object's children stand in a grid whose width and height come near to a pleasant proportion; a box is as large as
 * its largest neighbour, so that rows and columns align. Objects with one child and nothing to say are left out. A
 * processing unit is a cell with its number; a thread on it is a disc with the thread's number, coloured from blue for
 * the first to red for the last, so that one sees how the numbers run over the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/shape.h"

enum { CELL = 30, GAP = 4, PAD = 6, HEAD = 15, MARGIN = 16, TITLE = 46, LEGEND = 30 };

typedef struct grid {
    int columns, rows;
    int w, h; /* of one child */
} grid;

typedef struct picture {
    const shape *s;
    out o;
    int32_t threads;
    int32_t *unit;
} picture;

/* ---- what is drawn ---------------------------------------------------------------------------------------------------- */

static hwloc_obj_t with_something_to_say(hwloc_obj_t x) {
    while (x->arity == 1 && x->memory_arity == 0 &&
           (x->type == HWLOC_OBJ_GROUP || x->type == HWLOC_OBJ_L1CACHE || x->type == HWLOC_OBJ_DIE ||
            x->type == HWLOC_OBJ_MACHINE))
        x = x->children[0];
    return x->type == HWLOC_OBJ_L1CACHE && x->arity > 0 ? with_something_to_say(x->children[0]) : x;
}

static bool is_core(hwloc_obj_t x) {
    return x->type == HWLOC_OBJ_CORE;
}

static int head_of(hwloc_obj_t x) {
    return is_core(x) ? 0 : HEAD;
}

static int pad_of(hwloc_obj_t x) {
    return is_core(x) ? 2 : PAD;
}

static int gap_of(hwloc_obj_t x) {
    return is_core(x) ? 0 : GAP;
}

static void size_of(hwloc_obj_t x, int *w, int *h);

/* The number of columns whose grid is nearest to twice as wide as high; a core's units in rows of at most four. */
static int choose_columns(hwloc_obj_t x, int w, int h) {
    int best = 1, n = (int)x->arity;
    double least = 1e9;
    if (is_core(x))
        return n < 4 ? n : n > 4 && n % 3 == 0 && n % 4 != 0 ? 3 : 4;
    for (int columns = 1; columns <= n; columns++) {
        int rows = (n + columns - 1) / columns;
        double ratio = (double)columns * w / ((double)rows * h), off = ratio > 2 ? ratio / 2 : 2 / ratio;
        off += 0.3 * (rows * columns - n) / n; /* empty places */
        if (off < least) {
            least = off;
            best = columns;
        }
    }
    return best;
}

static grid grid_of(hwloc_obj_t x) {
    grid g = {1, 1, 0, 0};
    for (unsigned i = 0; i < x->arity; i++) {
        int w, h;
        size_of(with_something_to_say(x->children[i]), &w, &h);
        g.w = w > g.w ? w : g.w;
        g.h = h > g.h ? h : g.h;
    }
    if (x->arity > 0) {
        g.columns = choose_columns(x, g.w, g.h);
        g.rows = ((int)x->arity + g.columns - 1) / g.columns;
    }
    return g;
}

static void size_of(hwloc_obj_t x, int *w, int *h) {
    *w = *h = CELL;
    if (x->type == HWLOC_OBJ_PU)
        return;
    grid g = grid_of(x);
    *w = g.columns * (g.w + gap_of(x)) - gap_of(x) + 2 * pad_of(x);
    *h = g.rows * (g.h + gap_of(x)) - gap_of(x) + 2 * pad_of(x) + head_of(x);
    if (!is_core(x) && *w < 76)
        *w = 76;
}

/* ---- drawing -------------------------------------------------------------------------------------------------------------- */

static const char *fill_of(hwloc_obj_t x) {
    if (x->type == HWLOC_OBJ_PACKAGE)
        return "#f4f1ea";
    if (is_core(x))
        return "#cfd6dd";
    return hwloc_obj_type_is_cache(x->type) ? "#e3ebe4" : "#fbfaf7";
}

static void put_bytes(out *o, unsigned long long bytes) {
    if (bytes >= 1ull << 30)
        out_put(o, "%llu GiB", bytes >> 30);
    else if (bytes >= 1ull << 20)
        out_put(o, "%llu MiB", bytes >> 20);
    else
        out_put(o, "%llu KiB", bytes >> 10);
}

static void put_label(out *o, hwloc_obj_t x, int columns) {
    bool wide = columns > 2;
    if (x->type == HWLOC_OBJ_PACKAGE)
        out_put(o, wide ? "package %u" : "pack %u", x->logical_index);
    else if (x->type == HWLOC_OBJ_MACHINE)
        out_put(o, "machine");
    else if (x->type == HWLOC_OBJ_GROUP)
        out_put(o, "group %u", x->logical_index);
    else if (hwloc_obj_type_is_cache(x->type)) {
        out_put(o, "L%u ", x->attr->cache.depth);
        put_bytes(o, x->attr->cache.size);
    } else
        out_put(o, "%s", hwloc_obj_type_string(x->type));
    for (hwloc_obj_t n = x->memory_first_child; n != NULL; n = n->next_sibling)
        if (n->type == HWLOC_OBJ_NUMANODE) {
            out_put(o, wide ? ", node %u " : " n%u", n->os_index);
            if (wide && n->attr->numanode.local_memory > 0)
                put_bytes(o, n->attr->numanode.local_memory);
        }
}

/* Threads on a unit: the first one's number, and how many more. */
static int32_t threads_on(const picture *p, unsigned unit, int32_t *more) {
    int32_t first = -1;
    *more = 0;
    for (int32_t k = 0; k < p->threads; k++)
        if (p->unit[k] == (int32_t)unit) {
            *more += first >= 0;
            first = first >= 0 ? first : k;
        }
    return first;
}

/* From the first thread's blue over green and ochre to the last one's red. */
static unsigned colour_of(int32_t k, int32_t threads) {
    static const int stops[4][3] = {{0x2c, 0x52, 0xb4}, {0x1f, 0x84, 0x6c}, {0xb0, 0x7d, 0x1e}, {0xb2, 0x31, 0x31}};
    int at = threads > 1 ? (int)(3000LL * k / (threads - 1)) : 0, stop = at < 3000 ? at / 1000 : 2,
        part = at - 1000 * stop;
    unsigned colour = 0;
    for (int i = 0; i < 3; i++)
        colour = colour << 8 | (unsigned)(stops[stop][i] + (stops[stop + 1][i] - stops[stop][i]) * part / 1000);
    return colour;
}

static void draw_thread(picture *p, int32_t k, int32_t more, int x, int y) {
    out_put(&p->o, "<circle cx='%d' cy='%d' r='10' fill='#%06x'/>", x + CELL / 2, y + CELL / 2 + 3,
            colour_of(k, p->threads));
    out_put(&p->o, "<text x='%d' y='%d' class='t%s'>%d", x + CELL / 2, y + CELL / 2 + 7, k > 99 || more > 0 ? " s" : "",
            k);
    if (more > 0)
        out_put(&p->o, "+%d", more);
    out_put(&p->o, "</text>");
}

static void draw_unit(picture *p, hwloc_obj_t x, int left, int top) {
    bool allowed = hwloc_bitmap_isset(p->s->allowed, x->os_index);
    int32_t more, k = threads_on(p, x->os_index, &more);
    out_put(&p->o, "<rect x='%d' y='%d' width='%d' height='%d' rx='2' class='%s'/>", left + 1, top + 1, CELL - 2,
            CELL - 2, allowed ? "u" : "x");
    if (k >= 0)
        draw_thread(p, k, more, left, top);
    out_put(&p->o, "<text x='%d' y='%d' class='n'>%u</text>\n", left + 3, top + 8, x->os_index);
}

static void draw(picture *p, hwloc_obj_t x, int left, int top, int w, int h) {
    if (x->type == HWLOC_OBJ_PU) {
        draw_unit(p, x, left, top);
        return;
    }
    grid g = grid_of(x);
    out_put(&p->o, "<rect x='%d' y='%d' width='%d' height='%d' rx='4' fill='%s' stroke='#8a8f94'/>", left, top, w, h,
            fill_of(x));
    if (head_of(x) > 0) {
        out_put(&p->o, "<text x='%d' y='%d' class='h'>", left + PAD, top + HEAD - 3);
        put_label(&p->o, x, w / CELL);
        out_put(&p->o, "</text>\n");
    }
    for (unsigned i = 0; i < x->arity; i++)
        draw(p, with_something_to_say(x->children[i]), left + pad_of(x) + (int)i % g.columns * (g.w + gap_of(x)),
             top + pad_of(x) + head_of(x) + (int)i / g.columns * (g.h + gap_of(x)), g.w, g.h);
}

/* ---- the page ---------------------------------------------------------------------------------------------------------------- */

static const char *name_of(int32_t placement) {
    static const char *const names[] = {"",      "spread",  "compact", "numa: arrays in equal parts on the nodes",
                                        "cores", "threads", "list",    "none"};
    return placement > 0 && placement < 8 ? names[placement] : "";
}

static void put_title(picture *p) {
    const shape *s = p->s;
    int units = hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_PU), cores = hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_CORE);
    int packages = hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_PACKAGE), allowed = hwloc_bitmap_weight(s->allowed);
    out_put(&p->o, "<text x='%d' y='24' class='title'>%s, %d thread%s</text>\n", MARGIN, name_of(s->query->placement),
            p->threads, p->threads == 1 ? "" : "s");
    out_put(&p->o, "<text x='%d' y='40' class='h'>", MARGIN);
    if (packages > 0)
        out_put(&p->o, "%d package%s, ", packages, packages == 1 ? "" : "s");
    if (cores > 0)
        out_put(&p->o, "%d core%s, ", cores, cores == 1 ? "" : "s");
    out_put(&p->o, "%d unit%s", units, units == 1 ? "" : "s");
    if (allowed < units)
        out_put(&p->o, " (%d allowed)", allowed);
    out_put(&p->o, "</text>\n");
}

static void put_legend(picture *p, int y) {
    int x = MARGIN;
    out_put(&p->o, "<circle cx='%d' cy='%d' r='8' fill='#2c52b4'/><text x='%d' y='%d' class='t s'>k</text>", x + 8,
            y - 4, x + 8, y);
    out_put(&p->o, "<text x='%d' y='%d' class='h'>thread k</text>\n", x + 20, y);
    out_put(&p->o, "<rect x='%d' y='%d' width='14' height='14' class='u'/>", x + 80, y - 11);
    out_put(&p->o, "<text x='%d' y='%d' class='h'>free</text>\n", x + 98, y);
    out_put(&p->o, "<rect x='%d' y='%d' width='14' height='14' class='x'/>", x + 132, y - 11);
    out_put(&p->o, "<text x='%d' y='%d' class='h'>not allowed</text>\n", x + 150, y);
}

static void put_page(picture *p) {
    hwloc_obj_t root = with_something_to_say(hwloc_get_root_obj(p->s->t));
    int w, h;
    size_of(root, &w, &h);
    int width = (w < 250 ? 250 : w) + 2 * MARGIN, height = h + TITLE + LEGEND + MARGIN;
    out_put(&p->o,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' "
            "font-family='DejaVu Sans, Helvetica, sans-serif'>\n"
            "<style>.title{font-size:15px;font-weight:bold;fill:#222}.h{font-size:10px;fill:#333}"
            ".n{font-size:7px;fill:#5c6166}.t{font-size:10px;font-weight:bold;fill:#fff;text-anchor:middle}"
            ".s{font-size:8px}.u{fill:#fff;stroke:#9aa0a6}.x{fill:#b9bdc1;stroke:#9aa0a6}</style>\n"
            "<rect width='%d' height='%d' fill='#fff'/>\n",
            width, height, width, height, width, height);
    put_title(p);
    draw(p, root, MARGIN, TITLE, w, h);
    put_legend(p, TITLE + h + LEGEND - 8);
    out_put(&p->o, "</svg>\n");
}

char *shape_svg(const shape *s) {
    picture p = {.s = s};
    p.threads = s->query->placement == PLRT_PLACE_NONE ? 0 : shape_default_threads(s, s->query->placement);
    p.unit = malloc(sizeof *p.unit * (size_t)(p.threads > 0 ? p.threads : 1));
    bool ok = p.unit != NULL && (p.threads == 0 || shape_place(s, s->query->placement, p.threads, p.unit));
    if (ok)
        put_page(&p);
    free(p.unit);
    if (ok && !p.o.failed)
        return p.o.text;
    free(p.o.text);
    return NULL;
}
