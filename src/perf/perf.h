/* plait perf: kernels of a suite are measured in several processes, measurements are compared and drawn (docs/perf.md).
 *
 *   plan.c       a suite becomes a list of benchmarks
 *   session.c    processes and rounds: what is measured when, and when it is enough
 *   worker.c     the process that measures: compiles, makes arguments, calls
 *   generate.c   arguments
 *   limits.c     what the machine can do; roofline.c: measured once, kept, looked up
 *   rank.c       medians, intervals, rank tests
 *   pyperf.c     files in pyperf's format, written and read
 *   compare.c    two files: what is slower?          report.c   files as one page
 *   command.c    the command line of it */
#ifndef PLAIT_PERF_PERF_H
#define PLAIT_PERF_PERF_H

#include "cli/cli.h"
#include "cli/values.h"

/* `plait perf` (EXIT_UNDECIDED: some benchmarks have too few runs to decide). */
enum { EXIT_UNDECIDED = 3 };
int perf_command(cli *c);
int perf_run(cli *c, const char *suite);
int perf_compare(cli *c, const char *old_path, const char *new_path);
int perf_report(cli *c);
int perf_worker(cli *c);

enum { PERF_ERROR_SIZE = 4000 };
double perf_seconds(void); /* of a clock that never goes back */

/* ---- statistics (rank.c) ------------------------------------------------------------------------------------------------- */

typedef struct perf_interval {
    double low, middle, high;
} perf_interval;

void rank_sort(double *x, size_t n);
double rank_median(double *x, size_t n); /* sorts x; NAN for none */
/* The median with the order statistics that enclose the true one with at least `confidence`; -INFINITY and INFINITY where
 * there are too few numbers. Sorts x. */
perf_interval rank_median_interval(double *x, size_t n, double confidence);

/* One sample, of differences whose distribution is symmetric (Wilcoxon's signed ranks): the probability that it looks at
 * least so much larger than `shift` by chance. Exact up to 100 numbers, ties included. */
double rank_signed_p(const double *x, size_t n, double shift);
/* Its estimate of the middle (Hodges and Lehmann) with the interval that the test does not refute. */
perf_interval rank_signed_interval(const double *x, size_t n, double confidence);
/* Two samples (Mann and Whitney): the same of y - x - shift. */
double rank_sum_p(const double *x, size_t nx, const double *y, size_t ny, double shift);
perf_interval rank_sum_interval(const double *x, size_t nx, const double *y, size_t ny, double confidence);
/* The least p that the tests can give at all. */
double rank_signed_least(size_t n);
double rank_sum_least(size_t nx, size_t ny);
/* Holm's correction: p[n] become the levels at which each is refuted while all are looked at. */
void rank_holm(double *p, size_t n);

/* ---- arguments (generate.c) ---------------------------------------------------------------------------------------------- */

/* The value that an argument of a suite describes; false after writing what is wrong. */
bool perf_make_argument(arena *a, const json_t *spec, cli_value *out, char error[PERF_ERROR_SIZE]);
void perf_free_argument(cli_value *v);
int64_t perf_argument_bytes(const json_t *spec); /* of its array, 0 for others and for files; -1: too many */

/* ---- the machine (limits.c, roofline.c) ---------------------------------------------------------------------------------- */

enum { PERF_LEVELS = 20 };

typedef struct perf_limits {
    int32_t threads, levels;
    double flops, flops32; /* operations a second, float64 and float32 */
    /* Bytes a second over working sets of so many bytes of the whole team, which grow and go slower. */
    double footprint[PERF_LEVELS], bytes[PERF_LEVELS];
} perf_limits;

/* Measures, on this thread and the team. */
bool limits_measure(int32_t threads, perf_limits *out);
json_t *limits_json(const perf_limits *l);
bool limits_read(const json_t *o, perf_limits *out); /* false: it is none */
/* From the user's cache folder, else by `measure`, and then kept there. `again`: measured in any case; the better of each
 * figure is kept, since a busy machine only makes them worse. */
typedef bool limits_fn(void *context, int32_t threads, perf_limits *out);
bool roofline_get(int32_t threads, limits_fn *measure, void *context, bool again, perf_limits *out);
/* Bytes a second that the machine reaches on a working set. */
double roofline_bandwidth(const perf_limits *l, double footprint);
/* The least time of a call that moves so many bytes and does so many operations; 0: nothing is known. */
double roofline_floor(const perf_limits *l, double bytes, double flops, bool single, double footprint);

/* ---- benchmarks (plan.c) ------------------------------------------------------------------------------------------------- */

typedef enum perf_kind { PERF_INVALID, PERF_CALL, PERF_COLD, PERF_WARM } perf_kind;

enum { PERF_NEW, PERF_OLD, PERF_CANDIDATES }; /* what is measured, and its baseline */

typedef struct perf_series { /* of one candidate in one process */
    int64_t process, loops;
    double first; /* seconds of the first call */
    int64_t rss;  /* largest resident set so far, bytes */
    time_t date;
    VEC(double) values; /* seconds of a call */
} perf_series;

typedef struct perf_benchmark {
    perf_kind kind;
    const char *name;
    const json_t *kernel, *point; /* of the suite */
    int32_t threads;
    double bytes, flops, footprint; /* 0: not said; footprint: bytes of the array arguments */
    bool single;                    /* float32 alone */
    bool has_old;
    VEC(perf_series) series[PERF_CANDIDATES];
    double spent; /* seconds */
    bool done, failed;
} perf_benchmark;

typedef struct perf_plan {
    json_t *suite;
    VEC(perf_benchmark) benchmarks;
    int64_t processes;
    double precision, budget;
} perf_plan;

/* NULL after saying what is wrong. */
perf_plan *plan_read(cli *c, const char *path);
void plan_free(perf_plan *p);
/* {"file", "function", "options", "signature", "restore"} of a candidate: new reference. */
json_t *plan_kernel(const cli *c, const perf_plan *p, const perf_benchmark *b, int candidate);

/* ---- pyperf's files (pyperf.c) ------------------------------------------------------------------------------------------- */

typedef struct perf_file_run {
    int64_t process; /* -1: not known */
    VEC(double) values;
} perf_file_run;

typedef struct perf_file_benchmark {
    const char *name;
    json_t *metadata;        /* borrowed; that of the file goes behind */
    VEC(perf_file_run) runs; /* those with values */
} perf_file_benchmark;

typedef struct perf_file {
    const char *path;
    json_t *root, *metadata; /* metadata: of the file; borrowed, may be NULL */
    VEC(perf_file_benchmark) benchmarks;
} perf_file;

/* NULL after writing what is wrong, with a place. Everything but `root` lives in the arena. */
perf_file *pyperf_read(arena *a, const char *path, char error[PERF_ERROR_SIZE]);
perf_file *pyperf_read_text(arena *a, const char *path, const char *bytes, size_t len, char error[PERF_ERROR_SIZE]);
void pyperf_free(perf_file *f);
/* A text of the benchmark's metadata, else of the file's; NULL: none. */
const char *pyperf_text(const perf_file *f, const perf_file_benchmark *b, const char *key);
double pyperf_number(const perf_file *f, const perf_file_benchmark *b, const char *key); /* 0: none */
/* The logarithms of the runs' medians; their number. */
size_t pyperf_medians(arena *a, const perf_file_benchmark *b, double **logs);

typedef struct perf_facts {       /* of a session, for its files */
    const char *commit, *session; /* commit: NULL: not given */
    const json_t *limits;         /* list */
    time_t began;
    double duration;
} perf_facts;
/* False after writing what is wrong. */
bool pyperf_write(arena *a, const char *path, const perf_plan *plan, int candidate, const perf_facts *facts,
                  char error[PERF_ERROR_SIZE]);

/* ---- two files (compare.c) ----------------------------------------------------------------------------------------------- */

typedef enum perf_verdict { V_INVALID, V_SLOWER, V_SLIGHTLY, V_FASTER, V_SAME, V_UNCLEAR, V_FEW } perf_verdict;

typedef struct perf_comparison {
    const char *name;
    double old_time, new_time;
    perf_interval ratio;
    double p; /* that it is not slower by more than the threshold; corrected */
    size_t n_old, n_new;
    perf_verdict verdict;
} perf_comparison;

typedef struct perf_comparing {
    double threshold;
    bool paired; /* the files are of one session */
    VEC(perf_comparison) list;
    VEC(const char *) only_old, only_new;
} perf_comparing;

perf_comparing compare_files(arena *a, const perf_file *old, const perf_file *new, double threshold);
/* So many runs of each file can show something when so many benchmarks are looked at. */
size_t compare_least_runs(bool paired, size_t benchmarks);

/* ---- pages (report.c) ---------------------------------------------------------------------------------------------------- */

extern const char perf_chart_js[], perf_report_js[], perf_report_css[];

/* ---- processes (session.c, worker.c) ------------------------------------------------------------------------------------- */

/* Messages are lines of JSON; "do" says what is asked, and every answer has "error" or what was asked for. */
bool message_send(FILE *to, json_t *message); /* takes the reference */
json_t *message_receive(FILE *from);          /* NULL: the other side is gone, or sent no message */

#endif
