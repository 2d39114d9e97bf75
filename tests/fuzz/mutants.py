"""Planted legality bugs: does the fuzzer find them?

Each mutant is an exact replacement of text in one file that makes some proof of legality wrong. They are applied one at
a time to a copy of the tree, which is built anew (only what changed is), and fuzzed until a kernel differs. A mutant
that lives through all its kernels is a hole in the generator or in the oracles.

    ./dev fuzz mutants                       # all of them, up to 10,000 kernels each
    ./dev fuzz mutants --only waw --count 2000
    ./dev fuzz mutants --out build/mutants.json --table     # the table of README.md, from what a run left there

A replacement that no longer applies is an error: move it to where the code went."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPENDENCE, ACCESS, AFFINE, CLASSIFY, REDUCTION, PRIVATIZE = (f"passes/{n}.c" for n in (
    "dependence", "access", "affine", "classify", "reduction", "privatize"))
PARALLELIZE, PROMOTE, SCHEDULE, OUTLINE, FACTS, SIMPLIFY, SCALARIZE, ALIAS, COST, VARS = (f"passes/{n}.c" for n in (
    "parallelize", "promote", "schedule", "outline", "facts", "simplify", "scalarize", "alias", "cost", "vars"))
FUSE, CONTRACT, REORDER, SCOP, JAM, PRECHECK, SCRATCH, COMBINE, BLOCKS, SPLIT, GROUP, INDUCTION = (f"passes/{n}.c" for n in (
    "fuse", "contract", "reorder", "scop", "jam", "precheck", "scratch", "combine", "blocks", "split", "group", "induction"))
TIMETILE, MARCH, WRAPAROUND, INDICES, CORNERS, DELINEAR = (f"passes/{n}.c" for n in (
    "timetile", "march", "wraparound", "indices", "corners", "delinear"))
REGION, GEN_REGION, GEN_EXPR = "runtime/region.c", "src/llvm/gen_region.c", "src/llvm/gen_expr.c"
GEN_ASIDE = "src/llvm/gen_aside.c"

# name: (file, old text, new text)
MUTANTS = {
    # ---- dependences between iterations
    "ignore two writes of one element": (
        DEPENDENCE, "|| (b->what.is_write && j < i) || store_the_same(w, a, b))", "|| b->what.is_write || store_the_same(w, a, b))"),
    "ignore reads before the write": (
        AFFINE, "same = isl_map_intersect(same, isl_map_union(below, above));",
        "isl_map_free(above);\n    same = isl_map_intersect(same, below);"),
    "ignore reads after the write": (
        AFFINE, "same = isl_map_intersect(same, isl_map_union(below, above));",
        "isl_map_free(below);\n    same = isl_map_intersect(same, above);"),
    "ignore distance 1": (
        AFFINE, "less = isl_constraint_set_constant_si(less, -1);",
        "less = isl_constraint_set_constant_si(less, -2);"),
    "drop the wraparound of negative subscripts": (
        AFFINE, "return isl_pw_aff_cond(isl_set_indicator_function(negative), wrapped, i);",
        "isl_set_free(negative);\n                isl_pw_aff_free(wrapped);\n                return i;"),
    "i // k without the floor": (
        AFFINE, "return isl_pw_aff_floor(isl_pw_aff_scale_down_val(a, v));",
        "return isl_pw_aff_scale_down_val(a, v);"),
    "i % k taken for i": (
        AFFINE, "return isl_pw_aff_mod_val(a, v);", "return isl_val_free(v), a;"),
    "bounds of a negative step": (
        AFFINE, "    if (lo) {\n        isl_set *from = where_ordered(step > 0 ?",
        "    step = step < 0 ? -step : step;\n    if (lo) {\n        isl_set *from = where_ordered(step > 0 ?"),
    "the last iteration forgotten": (
        AFFINE, "step > 0 ? KIR_OP_LT : KIR_OP_GT, isl_pw_aff_copy(i), isl_pw_aff_copy(hi))",
        "step > 0 ? KIR_OP_LT : KIR_OP_GT, isl_pw_aff_add(isl_pw_aff_copy(i), affine_constant(w, step > 0)),\n"
        "                                    isl_pw_aff_copy(hi))"),
    "offset of a view dropped": (
        SIMPLIFY, "out[axis++] = kir_binary(z->m, KIR_OP_ADD, start, offset, at);",
        "(void)start;\n            out[axis++] = offset;"),
    "axes of a transposed array kept": (
        SIMPLIFY, "out[view->axes.at[k]] = index[k];", "out[k] = index[k];"),
    "constants ignored in the cheap look": (
        DEPENDENCE, "if (a->coefficient != b->coefficient || a->constant != b->constant)",
        "if (a->coefficient != b->coefficient)"),
    "one element for all iterations": (
        DEPENDENCE, "!linearise(w, first->index[axis], 1, &want) || want.coefficient == 0",
        "!linearise(w, first->index[axis], 1, &want)"),
    "condition taken for its opposite": (
        AFFINE, "negated ? isl_set_complement(holds) : holds);", "negated ? holds : isl_set_complement(holds));"),
    "arguments assumed apart": (
        DEPENDENCE, "return x == ORIGIN_PARAM && y == ORIGIN_PARAM;", "return false;"),
    "reassigned arrays assumed apart": (
        DEPENDENCE, "if (w->s->defs.count[v->id] > 1)\n        return ORIGIN_UNKNOWN;",
        "if (w->s->defs.count[v->id] > 1)\n        return ORIGIN_FRESH;"),
    "elements that share memory in one array": (
        CLASSIFY, "for (uint32_t i = 0; i < v->injective.len; i++)", "for (uint32_t i = 0; i + 1 < v->injective.len; i++)"),
    "the value of a variable assigned twice": (
        ACCESS, "    if (w->writes[v->id] > 1)\n        w->value[v->id] = NULL;", "    if (w->writes[v->id] > 9)\n        w->value[v->id] = NULL;"),
    "calls without effect": (
        ACCESS, 'stop(w, "CALL", s->fn->user_name ? s->fn->user_name->text : "a function", s);', ";"),
    "a ring gone round more often than once": (
        DEPENDENCE, "        if (!known)\n            access_require(w, kir_binary(m, KIR_OP_LE, reach,",
        "        if (!known && c > 99)\n            access_require(w, kir_binary(m, KIR_OP_LE, reach,"),
    "a ring gone round in larger steps": (
        DEPENDENCE, "reach = kir_binary(m, KIR_OP_MUL, reach, kir_int(m, c, n->at), n->at);",
        "reach = kir_binary(m, KIR_OP_MUL, reach, kir_int(m, 1, n->at), n->at);"),
    "different marks taken for the same": (
        DEPENDENCE, "x->value->kind == KIR_CONST && kir_expr_equal(x->value, y->value)",
        "x->value->kind == KIR_CONST && y->value->kind == KIR_CONST"),
    "digits beyond their base": (
        DELINEAR, "within = isl_set_intersect(within, isl_pw_aff_lt_set(v, s));",
        "isl_pw_aff_free(v);\n    isl_pw_aff_free(s);"),
    "a digit of the base below, its quotient left": (
        DELINEAR, "if (shift != 0 && !polynomial_add_term(&quotient, &more))",
        "if (shift > 9 && !polynomial_add_term(&quotient, &more))"),
    "a remainder that is its divisor": (SIMPLIFY, "high = is_least(z, size, value, -1, -1);", "high = is_least(z, size, value, -1, 0);"),
    # ---- reductions
    "mixed operators taken for one": (
        COMBINE, "if (*op != KIR_OP_INVALID && combining(e->op) != *op)", "if (false)"),
    "x - s taken for a sum": (COMBINE, "return side == 0 || !ordered;", "return side < 2 || !ordered;"),
    "the accumulator read elsewhere": (
        REDUCTION, "    u->ok &= x != u->v;", "    u->ok &= x != NULL;"),
    "wrong identity of a minimum": (GEN_EXPR, "v.re = extreme_int(g, t, is_min);",
                                    "v.re = is_min ? LLVMConstNull(lt) : extreme_int(g, t, is_min);"),
    "the start value counted per block": (
        GEN_REGION, "put_var(g, into, gen_binary(g, f->reductions.at[i].op, into->ty, get_var(g, into), part));",
        "put_var(g, into, part);"),
    # ---- private variables
    "read before written taken for private": (
        PRIVATIZE, "if (vars_has(&exposed, v))", "if (vars_has(&exposed, v) && v->ty->kind == TYPE_ARRAY)"),
    "last value forgotten": (
        PRIVATIZE, "else if (vars_has(live_after(x->live, s), v))",
        "else if (v->ty->kind == TYPE_ARRAY && vars_has(live_after(x->live, s), v))"),
    "last value of the last block": (
        GEN_REGION, "LLVMBuildSelect(g->b, flag.re, part.re, old.re, \"\")", "part.re"),
    # ---- accumulators in arrays
    "promoted although read in between": (PROMOTE, "if (!apart || (c->injective && ", "(void)apart;\n        if ((c->injective && "),
    "promoted without the overlap test": (PROMOTE, "    if (apart)\n        placed = make_versions", "    if (apart && n > 99)\n        placed = make_versions"),
    "promoted in loops that do not run": (
        PROMOTE, "entered->value = is_entered(g->p, g->loop);",
        "entered->value = is_entered(g->p, g->loop);\n    entered->value = kir_bool(m, true, g->loop->at);"),
    # ---- facts and checks
    "loop variable up to its bound": (
        FACTS, "        facts_assume_nonneg(f, combine(f, room, 1, one, -1));\n    if (room && step->n == 0)",
        "        facts_assume_nonneg(f, combine(f, room, 1, one, -2));\n    if (room && step->n == 0)"),
    "indices known not to be negative": (
        FACTS, "    if (facts_nonneg(f, i))\n        return i;\n    const lin *below", "    if (i)\n        return i;\n    const lin *below"),
    "loads kept over stores in a loop": (
        SIMPLIFY, "    if (block_writes(&s->body))\n        z->loads.len = loads = 0;\n    facts_enter_loop",
        "    facts_enter_loop"),
    # ---- schedules and regions
    "skew too small": (SCHEDULE, "n.skew = skew;", "n.skew = skew > 0 ? skew - 1 : 0;"),
    "one wavefront too few": (
        SCHEDULE, "minus(n, plus(n, copy(n, high), copy(n, wide)), number(n, 1))",
        "minus(n, plus(n, copy(n, high), copy(n, wide)), number(n, 2))"),
    "skew against one direction only": (
        DEPENDENCE, "runs_against(w, deltas, 1, d0, d1, skew) || runs_against(w, deltas, -1, d0, d1, skew)",
        "runs_against(w, deltas, 1, d0, d1, skew)"),
    "trip count of a step rounded down": (
        COST, "kir_expr *last = bin(m, KIR_OP_SUB, kir_cast(m, width, u64, l->at), one);",
        "kir_expr *last = kir_cast(m, width, u64, l->at);\n    (void)one;"),
    "loops that are left early": (VARS, "scan->escapes |= own ? s->kind == KIR_BREAK :", "scan->escapes |= own ? false :"),
    "one iteration twice between chunks": (
        REGION, "if (c >= chunks)\n            return;\n        uint64_t end = items - c * chunk < chunk ? items : (c + 1) * chunk;",
        "if (c >= chunks)\n            return;\n        uint64_t end = items - c * chunk <= chunk ? items : (c + 1) * chunk + 1;"),
    "the last block of a reduction left out": (
        REGION, "for (int64_t b = first; b < last; b++) {", "for (int64_t b = first; b < last - (last > first + 1); b++) {"),
    "the first error in time": (
        REGION, "if (m->error.iteration < atomic_load_explicit(&run->failed, memory_order_relaxed)) {",
        "if (atomic_load_explicit(&run->failed, memory_order_relaxed) == INT64_MAX) {"),
    # ---- fusion and contraction
    "fused against a dependence": (
        DEPENDENCE, "if (judge(w, x, y, &v) || v.class != KIR_CLASS_INDEPENDENT)\n                return true;",
        "if (judge(w, x, y, &v) || v.class != KIR_CLASS_INDEPENDENT)\n                return false;"),
    "fused without the overlap test": (
        DEPENDENCE, "        list_cross_assumptions(&w, split, &v);", "        list_cross_assumptions(&w, 0, &v);"),
    "fused without the shift": (
        FUSE, "kir_int(z->m, q->shift, at)", "kir_int(z->m, q->shift > 0 ? q->shift - 1 : q->shift, at)"),
    "fused although a scalar passes": (
        FUSE, "if (clash && !lives_apart(z, g, q, v))", "if (clash && !lives_apart(z, g, q, v) && v->ty->kind == TYPE_ARRAY)"),
    "lifted over what it needs": (
        FUSE, "return !may_share(z, &g->all.stored, &s->loaded) && !may_share(z, &g->all.stored, &s->stored) &&",
        "return !may_share(z, &g->all.stored, &s->stored) &&"),
    "fused over different ranges": (
        FUSE, "if (!differ || !facts_zero(z->facts, differ))", "if (!differ)"),
    "contracted with two elements": (
        CONTRACT, "if (!same_element(store, scan.found.at[k], v->ty->ndim))", "if (!same_element(store, scan.found.at[k], 0))"),
    # ---- other orders
    "interchanged against a dependence": (
        REORDER, "if (scop_moves(t->carried, d, -1))\n            return false;",
        "if (scop_moves(t->carried, d, -1))\n            p->tiles = 0;"),
    "distributed out of order": (
        REORDER, "if (i != k && s->feeds[i][k] && !done[i] && !(with && with[i]))",
        "if (i != k && s->feeds[i][k] && !done[i] && !(with && with[i]) && i > k)"),
    "tiles of a carried loop in parallel": (
        REORDER, "    if (!p->moves[dim]) {", "    if (!p->moves[dim] || tile) {"),
    "no order within an iteration": (
        SCOP, "    if (a < b)\n        add_pairs(s, a, b, same);", "    if (a > b)\n        add_pairs(s, a, b, same);"),
    "columns left over after the register block": (
        JAM, "    put_part(g, loop, y, NULL, rest, end, false, b);",
        "    put_part(g, loop, y, NULL, op(g, KIR_OP_ADD, copy(g, rest), number(g, 1)), end, false, b);"),
    "rows left over after the register block": (
        JAM, "    put_part(&g, j->outer, NULL, NULL, copy(&g, rest), copy(&g, hi), false, out);",
        "    put_part(&g, j->outer, NULL, NULL, op(&g, KIR_OP_ADD, copy(&g, rest), number(&g, 1)), copy(&g, hi), false, out);"),
    "rows left over after the strips": (
        JAM, "    put_rows(g, from, hi, 1, true, false, &pays->body);",
        "    put_rows(g, op(g, KIR_OP_ADD, copy(g, from), number(g, 1)), hi, 1, true, false, &pays->body);"),
    "the last column of a packed panel": (
        JAM, "    lanes[2]->lo = kir_ref(g->m, g->count, g->at);",
        "    lanes[2]->lo = op(g, KIR_OP_SUB, kir_ref(g->m, g->count, g->at), number(g, 1));"),
    # ---- blocks of sums into arrays, loops in two parts, iterations side by side, counters
    "the first block's copy left out": (
        BLOCKS, "kir_stmt *blocks = new_loop(k, &chunk->body, number(k, 0), ref(k, k->count), KIR_CLASS_CARRIED);",
        "kir_stmt *blocks = new_loop(k, &chunk->body, number(k, 1), ref(k, k->count), KIR_CLASS_CARRIED);"),
    "wrong identity of a copy": (
        BLOCKS, "combine_identity(k->z->m, y->op, y->array->ty->dtype, k->at)",
        "combine_identity(k->z->m, KIR_OP_ADD, y->array->ty->dtype, k->at)"),
    "an update of another element": (
        COMBINE, "        if (!kir_expr_equal(s->value->args[k], store->index.at[k]))\n            return false;\n    return true;",
        "        if (k > 9)\n            return false;\n    return true;"),
    "split out of order": (
        SPLIT, "        if (!((done | who) >> i & 1) && (p->after[i] & who))\n            return false;",
        "        if (!((done | who) >> i & 1) && (p->after[i] & who) && p->n > 99)\n            return false;"),
    "computed again after it changed": (
        SPLIT, "if (vars_has(&p->stored, w) && (w == v || !is_root(z, w)))", "if (vars_has(&p->stored, w) && !is_root(z, w))"),
    "iterations side by side share a scalar": (
        GROUP, "    vars_union(expanded, &both);\n    vars_union(expanded, &g->exposed);\n", "    (void)expanded;\n"),
    "a value kept under a condition taken from another iteration": (
        GROUP, "    vars_union(&g.exposed, &perhaps);\n", ""),
    "a counter that starts at the index": (
        INDUCTION, "kir_expr *way = step > 0 ? kir_binary(m, KIR_OP_SUB, index, lo, at) :",
        "kir_expr *way = step > 0 ? index :"),
    # ---- iterations side by side that end when they like
    "an iteration goes on after its exit": (
        MARCH, "bool kept = arm || (vars_has(&t->expanded, s->var) && !vars_has(&t->loose, s->var));", "bool kept = arm != NULL;"),
    "what is read behind the steps computed after the exit": (
        MARCH, "vars_has(&t->expanded, v) && !vars_has(&read, v))", "vars_has(&t->expanded, v))"),
    "an iteration comes back after its exit": (MARCH, "        if (changed.bits[i] & g->exposed.bits[i])\n            return true;",
                                               "        if (changed.bits[i] & g->exposed.bits[i])\n            return false;"),
    "what an iteration left with taken from a later step": (
        MARCH, "    vars_union(&g.exposed, &g.written); /* who is through keeps what it had */\n", ""),
    # ---- values of the iteration before
    "first iteration not peeled": (WRAPAROUND, "vec_push(w->z->m->a, before, peel(w));",
                                   "(void)before;\n            (void)peel;"),
    "last value of what is handed on lost": (
        WRAPAROUND, "            vars_rename(at, v, p);\n        vec_push(m->a, &body, at);",
        "            vars_rename(at, v, p);\n        if (k != position)\n            vec_push(m->a, &body, at);"),
    "overlap ignored for what is handed on": (
        WRAPAROUND, "        if (!alias_may_share(w->z->alias, array, other))", "        if (array != other)"),
    # ---- tiles of time and space
    "slope of diamonds too small": (TIMETILE, "+ (later ? slope : 0);", "+ (later ? slope + 1 : 0);"),
    "diamonds of one row overlap": (
        TIMETILE, "r.hi = least(n, least(n, r.hi, plus(n, left, copy(n, n->width))), right);",
        "r.hi = least(n, least(n, r.hi, plus_number(n, plus(n, left, copy(n, n->width)), 1)), right);"),
    "slope of pieces too small": (
        TIMETILE, "plus_number(n, times(n, n->c, since), q->along)",
        "plus_number(n, times(n, n->c > 0 ? n->c - 1 : 0, since), q->along)"),
    "the last step of a row of diamonds left out": (
        TIMETILE, "end = least(n, plus_number(n, end, 1), copy(n, n->steps));", "end = least(n, end, copy(n, n->steps));"),
    # ---- checks of a block, memory kept between iterations
    "checks before the stores they depend on": (
        PRECHECK, "p->legal &= s->value->kind != KIR_LOAD || !is_stored_before(p, s->value->var);", "(void)is_stored_before;"),
    "checks before the checks that guard them": (
        PRECHECK, "if (c->phase + 1 > phase && shares_variable(p, value, c->check->value))",
        "if (c->phase + 1 > phase && shares_variable(p, value, c->check->value) && phase > 9)"),
    "memory not cleared for the next iteration": (
        SCRATCH, "bool zeroed = s->value->op == 1;", "bool zeroed = s->value->op == 99;"),
    "all but the last check of a block forgotten": (
        INDICES, "put(z, &loop->body, z->ok, op(z, KIR_OP_AND, ref(z, z->ok), value));", "put(z, &loop->body, z->ok, value);"),
    "indices computed before they are stored": (
        INDICES, "return is_scalar(e->ty) && !is_stored_into(z, e->var) && !stands_behind_check(z, e, at);",
        "return is_scalar(e->ty) && !(is_stored_into(z, e->var) && at > 99) && !stands_behind_check(z, e, at);"),
    "the corner of what falls": (
        CORNERS, "const lin *extreme = l ? grows * way > 0 ? l->most : l->least : NULL;",
        "const lin *extreme = l ? way > 0 ? l->most : l->least : NULL;"),
    "a remainder that is zero at its corner": (
        CORNERS, "*out = way < 0 ? (polynomial){0} : p;", "*out = (polynomial){0};\n    (void)way;"),
    # ---- parts set apart, loops for little work
    "what a part set apart assigns in a loop is lost": (
        GEN_ASIDE, "m->lasts[v->id] = m->written[v->id] && v->ty->kind != TYPE_ARRAY && vars_has(&exposed, v);",
        "m->lasts[v->id] = vars_has(&exposed, v) && false;"),
    "a region although arrays overlap": (
        GEN_REGION, "    gen_start(g, large);\n    test_terms(g, s->value, true, failed);", "    gen_start(g, large);"),
    # ---- overlap
    "the last element of an array left out of overlap": (
        GEN_EXPR, "up = gen_int(g, type_size(v->ty->dtype));", "up = gen_int(g, 0);"),
    "overlap of reversed views": (
        GEN_EXPR, "down = LLVMBuildAdd(g->b, down, choose(g, negative, reach, gen_int(g, 0)), \"\");",
        "down = gen_int(g, 0);"),
    # ---- whole arrays
    "shifted slices of one array": (
        SCALARIZE, "    return same ? SAME_ELEMENT : OVERLAPS;", "    return SAME_ELEMENT;\n    (void)same;"),
    "other arrays assumed apart in array statements": (
        SCALARIZE, "return leaf->var == p->var ? compare_subs(z, p, leaf) : MAYBE;",
        "return leaf->var == p->var ? compare_subs(z, p, leaf) : APART;"),
    "a transposed array forgotten": (
        ALIAS, "e->kind == KIR_VIEW || e->kind == KIR_TRANSPOSE ||", "e->kind == KIR_VIEW ||"),
}


class Trouble(Exception):
    pass


def environment():
    return {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}


def run(*command, **how):
    return subprocess.run([str(c) for c in command], text=True, capture_output=True, env=environment(), **how)


class Tree:
    """The copy that is changed and built. It has the committed and the changed files of the tree."""

    def __init__(self, at):
        self.at, self.build = at, at / "build/release"
        names = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT, check=True).stdout.split("\0")
        for name in filter(None, names):
            source, target = ROOT / name, at / name
            if not source.is_file():
                continue
            if target.exists() and target.read_bytes() == source.read_bytes():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def compile(self):
        if not (self.build / "build.ninja").exists():
            launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
            made = run("cmake", "--preset", "release", f"-DPython_EXECUTABLE={sys.executable}", *launcher, cwd=self.at)
            if made.returncode:
                raise Trouble(made.stdout + made.stderr)
        made = run("ninja", "-C", self.build, "libplait.so", "libplait_rt.so", "_plait", cwd=self.at)
        if made.returncode:
            raise Trouble(made.stdout[-3000:] + made.stderr[-1000:])

    def fuzz(self, count, seed, jobs):
        """(what was found or None, how many kernels it took)."""
        log = self.at / "counters.json"
        log.unlink(missing_ok=True)
        env = {**environment(), "PYTHONPATH": str(self.build / "python")}
        done = subprocess.run([sys.executable, str(self.at / "tests/fuzz/kernels.py"), "--count", str(count), "--seed", str(seed),
                               "--jobs", str(jobs), "--batch", "50", "--threads", "1,3", "--schedules", "dynamic", "--quick", "--most-findings", "1", "--no-shrink",
                               "--findings", str(self.at / "findings"), "--counters", str(log)],
                              text=True, capture_output=True, env=env, cwd=self.at)
        if not log.exists():
            raise Trouble(done.stdout[-2000:] + done.stderr[-2000:])
        kernels = json.loads(log.read_text())["kernels"]
        found = [line for line in done.stdout.splitlines() if line.startswith("FINDING")]
        return (found[0] if found else None), kernels


def replaced(root, file, old, new):
    text = (root / file).read_text()
    if text.count(old) != 1:
        raise Trouble(f"{file}: the text to replace occurs {text.count(old)} times, not once:\n    {old}")
    return text.replace(old, new)


def try_mutant(tree, name, o):
    """A row of the table."""
    file, old, new = MUTANTS[name]
    target = tree.at / file
    whole = target.read_text()
    start = time.monotonic()
    target.write_text(replaced(tree.at, file, old, new))
    try:
        tree.compile()
        found, kernels = tree.fuzz(o.count, o.seed, o.jobs)
    finally:
        target.write_text(whole)
    return {"mutant": name, "file": file, "killed": bool(found), "kernels": kernels, "how": found,
            "seconds": round(time.monotonic() - start)}


def print_table(rows):
    print("| planted bug | in | found after kernels | as |\n| --- | --- | ---: | --- |")
    for r in rows:
        how = r["how"].split(": ", 1)[1] if r["killed"] else ""
        how = re.sub(r"returned .*|\w+ is .*", "another result", how)
        print(f"| {r['mutant']} | {r['file']} | {r['kernels'] if r['killed'] else 'not in ' + str(r['kernels'])} | {how} |")


def doubt(tree, rows, o):
    """A kernel that fails without the planted bug as well has found something else."""
    tree.compile()
    for row in rows:
        if row["killed"] and tree.fuzz(1, int(row["how"].split()[2].rstrip(":")), 1)[0]:
            row.update(killed=False, how="fails without the bug too: " + row["how"])
            print(f"{row['mutant']}: {row['how']}")
    if o.out:
        o.out.write_text(json.dumps(rows, indent=1))


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--count", type=int, default=10000, help="most kernels for a mutant")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--only", action="append", help="mutants whose names hold this text (may be given more than once)")
    p.add_argument("--tree", type=pathlib.Path, default=ROOT / "build/mutants", help="where the copy is built")
    p.add_argument("--out", type=pathlib.Path, help="file for the table, as JSON")
    p.add_argument("--resume", action="store_true", help="leave out those that --out says were found")
    p.add_argument("--table", action="store_true", help="only print the rows of --out, as Markdown")
    p.add_argument("--check", action="store_true", help="only see whether every replacement applies")
    p.add_argument("--survivors", type=float, default=0.05, help="fails if a larger part of them lives")
    o = p.parse_args(argv)
    if o.table:
        print_table(json.loads(o.out.read_text()))
        return 0
    names = [n for n in MUTANTS if not o.only or any(text in n for text in o.only)]
    for name in names:
        replaced(ROOT, *MUTANTS[name])
    if o.check:
        print(f"{len(names)} replacements apply")
        return 0
    tree, rows = Tree(o.tree.resolve()), []
    if o.resume and o.out.exists():
        rows = [row for row in json.loads(o.out.read_text()) if row["mutant"] in names and row["killed"]]
        names = [n for n in names if n not in {row["mutant"] for row in rows}]
    tree.compile()
    clean, kernels = tree.fuzz(min(o.count, 100), o.seed, o.jobs)
    if clean:
        raise Trouble(f"the tree without a mutant fails already: {clean}")
    for name in names:
        try:
            row = try_mutant(tree, name, o)
        except Trouble as e:
            row = {"mutant": name, "file": MUTANTS[name][0], "killed": False, "kernels": 0, "how": f"TROUBLE {e}", "seconds": 0}
        rows.append(row)
        print(f"{'killed' if row['killed'] else 'LIVES ':7} {row['kernels']:6} kernels {row['seconds']:5} s  {name}"
              f"  {(row['how'] or '')[:100]}", flush=True)
        if o.out:
            o.out.write_text(json.dumps(rows, indent=1))
    doubt(tree, rows, o)
    killed = sum(r["killed"] for r in rows)
    print(f"{killed} of {len(rows)} planted bugs found")
    return 0 if len(rows) - killed <= o.survivors * len(rows) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"mutants: {trouble}")
