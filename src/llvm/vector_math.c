/* Vector math: which functions stand for exp, sin, pow … in loops that LLVM turns into vector code.
 *
 * Strict kernels may use functions within 1 ulp: SLEEF's u10 family. Kernels with fastmath use glibc's libmvec (up to
 * 4 ulp, faster) or, with AVX-512, SLEEF's u35 family or ours where they are faster still: for float32 SLEEF's nearly
 * always, since libmvec leaves its vectors for arguments whose results overflow, underflow or are no numbers. LLVM learns of
 * them by the call attribute vector-function-abi-variant alone.
 *
 * The same bits wherever an element lies. Which elements a vector loop leaves to its scalar tail depends on where a
 * thread's chunk ends; so the function of one element must give exactly what a vector lane gives.
 *   SLEEF    has such a family: Sleef_finz_* (with fused multiply-add) and Sleef_cinz_* (without) promise equal bits
 *            for every vector length, one included. One of the two families is used throughout, by the CPU.
 *   ours     (runtime/erf.c, explog.c) do the same, and stand in where SLEEF's function is slow.
 *   libmvec  promises nothing of the kind. One vector length is offered to LLVM, and the scalar call is a function of
 *            our own that runs that very vector function on a vector of copies (gen_math.c).
 * tests/llvm compares lanes and tails bit by bit.
 *
 * The libraries are opened once by the process; without them, and for other targets than x86-64, libm is called. */
#include "llvm/vector_math.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

enum own_precision { OWN_32 = 1, OWN_64 = 2 };

typedef struct math_row {
    kir_op op;
    const char *name;
    uint32_t n_args;
    const char *sleef; /* accuracy suffix */
    bool libmvec;
    unsigned own;                /* of own_precision */
    const char *quick, *quick32; /* of those within 4 ulp */
} math_row;

static const math_row math_rows[] = {
#define MATH(op, name, n, sleef, libmvec, own, quick, quick32)                                                         \
    {KIR_OP_##op, name, n, sleef, libmvec, own, quick, quick32},
#include "llvm/vector_math.def"
#undef MATH
};

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static void *sleef_handle, *libmvec_handle;

static void open_libraries(void) {
    sleef_handle = dlopen("libsleef.so.3", RTLD_NOW | RTLD_LOCAL);
    libmvec_handle = dlopen("libmvec.so.1", RTLD_NOW | RTLD_LOCAL);
}

void *llvm_math_symbol(const char *name) {
    pthread_once(&opened, open_libraries);
    void *at = sleef_handle ? dlsym(sleef_handle, name) : NULL;
    return at || !libmvec_handle ? at : dlsym(libmvec_handle, name);
}

static bool has_feature(const char *features, const char *name) {
    size_t len = strlen(name);
    for (const char *p = features; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (*p == '+' && strncmp(p + 1, name, len) == 0 && (p[len + 1] == ',' || p[len + 1] == '\0'))
            return true;
    return false;
}

static llvm_math_library choose_library(llvm_math_library wanted, bool fast) {
    if (wanted != LLVM_MATH_AUTO)
        return wanted;
    pthread_once(&opened, open_libraries);
    if (fast && libmvec_handle)
        return LLVM_MATH_LIBMVEC;
    return sleef_handle ? LLVM_MATH_SLEEF : LLVM_MATH_NONE;
}

vector_math vector_math_for(llvm_math_library wanted, const char *features, bool is_host_x86, bool fast) {
    vector_math v = {.library = LLVM_MATH_NONE};
    if (!is_host_x86)
        return v;
    v.has_avx2 = has_feature(features, "avx2") && has_feature(features, "fma");
    v.has_avx512 = v.has_avx2 && has_feature(features, "avx512f") && has_feature(features, "avx512vl");
    v.library = choose_library(wanted, fast);
    v.may_mix = wanted == LLVM_MATH_AUTO && sleef_handle;
    return v;
}

static const math_row *find_row(kir_op op) {
    for (size_t i = 0; i < sizeof math_rows / sizeof math_rows[0]; i++)
        if (math_rows[i].op == op)
            return &math_rows[i];
    return NULL;
}

static void add_variant(arena *a, vector_math_call *c, uint32_t lanes, uint32_t n_args, const char *symbol) {
    const char *comma = c->variants ? "," : "", *before = c->variants ? c->variants : "";
    c->variants = arena_printf(a, "%s%s_ZGV_LLVM_N%u%s_%s(%s)", before, comma, lanes, n_args == 2 ? "vv" : "v",
                               c->scalar, symbol);
    c->vectors[c->n_vectors] = symbol;
    c->lanes[c->n_vectors++] = lanes;
}

static bool find_sleef(const vector_math *v, const math_row *row, const char *accuracy, unsigned bits, arena *a,
                       vector_math_call *c) {
    static const struct {
        uint32_t bytes;
        const char *with_fma, *without;
    } widths[] = {{16, "avx2128", "sse2"}, {32, "avx2", NULL}, {64, "avx512f", NULL}};
    if (!accuracy)
        return false;
    const char *family = v->has_avx2 ? "finz" : "cinz", *letter = bits == 64 ? "d" : "f";
    c->scalar =
        arena_printf(a, "Sleef_%s_%s%s1_%spurec%s", family, row->name, letter, accuracy, v->has_avx2 ? "fma" : "");
    for (size_t i = 0; i < (v->has_avx512 ? 3 : v->has_avx2 ? 2 : 1); i++) {
        uint32_t lanes = widths[i].bytes * 8 / bits;
        const char *isa = v->has_avx2 ? widths[i].with_fma : widths[i].without;
        add_variant(a, c, lanes, row->n_args,
                    arena_printf(a, "Sleef_%s_%s%s%u_%s%s", family, row->name, letter, lanes, accuracy, isa));
    }
    return true;
}

static bool find_own(const vector_math *v, const math_row *row, unsigned bits, arena *a, vector_math_call *c) {
    const char *suffix = bits == 64 ? "" : "f", *letter = bits == 64 ? "d" : "f";
    c->scalar = arena_printf(a, "plrt_%s%s", row->name, suffix);
    for (uint32_t width = 256; width <= (v->has_avx512 ? 512u : 256u); width *= 2)
        add_variant(a, c, width / bits, row->n_args,
                    arena_printf(a, "plrt_%s%s_%s%u", row->name, suffix, letter, width / bits));
    return true;
}

static bool find_libmvec(const vector_math *v, const math_row *row, unsigned bits, arena *a, vector_math_call *c) {
    const char *suffix = bits == 64 ? "" : "f";
    bool wide = v->has_avx512 && !v->narrow;
    uint32_t lanes = (wide ? 512u : v->has_avx2 ? 256u : 128u) / bits;
    char isa = wide ? 'e' : v->has_avx2 ? 'd' : 'b';
    const char *symbol =
        arena_printf(a, "_ZGV%cN%u%s_%s%s", isa, lanes, row->n_args == 2 ? "vv" : "v", row->name, suffix);
    if (!row->libmvec || !llvm_math_symbol(symbol))
        return false;
    c->scalar = arena_printf(a, "plait.%s%s", row->name, suffix);
    c->wraps = true;
    add_variant(a, c, lanes, row->n_args, symbol);
    return true;
}

static bool has_own(const vector_math *v, const math_row *row, unsigned bits) {
    return v->has_avx2 && (row->own & (bits == 64 ? OWN_64 : OWN_32));
}

/* SLEEF's variant that stands in for libmvec's, or NULL. */
static const char *find_quick(const vector_math *v, const math_row *row, unsigned bits) {
    return !v->may_mix || !v->has_avx512 ? NULL : bits == 64 ? row->quick : row->quick32;
}

/* Ours of float64 are quicker than libmvec's where both are 512 bits wide. */
static bool is_own_quick(const vector_math *v, const math_row *row, unsigned bits) {
    return bits == 64 && v->may_mix && v->has_avx512 && !v->narrow && has_own(v, row, bits);
}

bool vector_math_is_wide(const vector_math *v, kir_op op, unsigned bits) {
    const math_row *row = find_row(op);
    return v->library != LLVM_MATH_LIBMVEC || (row && (find_quick(v, row, bits) || is_own_quick(v, row, bits)));
}

bool vector_math_find(const vector_math *v, kir_op op, unsigned bits, arena *a, vector_math_call *call) {
    const math_row *row = find_row(op);
    *call = (vector_math_call){0};
    if (!row || v->library == LLVM_MATH_NONE)
        return false;
    if (v->library != LLVM_MATH_LIBMVEC)
        return has_own(v, row, bits) ? find_own(v, row, bits, a, call) : find_sleef(v, row, row->sleef, bits, a, call);
    if (find_sleef(v, row, find_quick(v, row, bits), bits, a, call))
        return true;
    return is_own_quick(v, row, bits) ? find_own(v, row, bits, a, call) : find_libmvec(v, row, bits, a, call);
}
