/* plait: the command. */
#include "cli/cli.h"
#include "perf/perf.h"
#include "plait/tile.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_command commands[] = {
    {"compile", cli_compile, CLI_COMPILE, "FILE.py:FUNC --sig SIGNATURE -o OUT.{o,so,ll,s,h} …",
     "compile a kernel to an object, a library, LLVM IR, assembly or a C header",
     "The kind of each output follows from its name. An object links with -lplait_rt -lgomp -lm; a header declares "
     "the\n"
     "entry and a typed wrapper. Without --sig the signature of the decorator is taken.\n"},
    {"run", cli_run, CLI_RUN, "FILE.py:FUNC ARGUMENT …", "compile a kernel for some arguments and call it",
     "Arguments are .npy files and Python constants: 3, 2.5, 1e-3, 2j, True, None, \"(1, 2.0)\". Their types make the\n"
     "signature unless --sig gives it. The result is printed; its arrays are written to the files of -o instead.\n"},
    {"explain", cli_explain, CLI_EXPLAIN, "FILE.py[:FUNC] [--sig SIGNATURE]",
     "say of every loop whether it runs in parallel, and why",
     "Without --sig a kernel is compiled for the signature of its decorator, or for one guessed from the use of its\n"
     "parameters: arrays of float64 where they are subscripted.\n"},
    {"dump", cli_dump, CLI_DUMP, "NAME FILE.py[:FUNC] [--sig SIGNATURE]", "print what a stage of the compiler made",
     "NAME: tokens ast types kir after:PASS llvm optimized asm object-symbol metadata timings request all.\n"
     "tokens and ast need no FUNC.\n"},
    {"request", cli_request, CLI_REQUEST, "FILE.py:FUNC [--sig SIGNATURE]",
     "print the compile request as JSON; the other subcommands take such a file in place of FILE.py:FUNC", ""},
    {"topology", cli_topology, CLI_TOPOLOGY, "[--xml FILE | --synthetic STRING] [--svg FILE | --json]",
     "print this machine, or another one, and where each placement puts the threads",
     "--svg draws it with the threads of one placement. The units are Linux's numbers; a line of them is what\n"
     "PLAIT_PLACEMENT takes as a list.\n"},
    {"config", cli_config, CLI_CONFIG, "[--json] [--check FILE]",
     "print every setting, its value and where it comes from",
     "Settings come from the nearest .plait.yaml upwards from the working directory, the user's configuration folder "
     "and\n"
     "the environment. With something wrong in them the exit status is 1 and the messages say where.\n"},
    {"perf", perf_command, CLI_PERF, "run SUITE.yaml | compare OLD.json NEW.json | report FILE.json … -o PAGE.html",
     "measure the kernels of a suite, compare measurements by a test, draw them",
     "run measures in several processes and writes pyperf's JSON to -o. With a baseline (of the suite, or --baseline)\n"
     "both take turns, and NEW.baseline.json is written beside NEW.json; compare NEW.json alone compares the two.\n"
     "compare exits with 1 when a benchmark is slower than allowed beyond doubt, with 2 when a file cannot be read, "
     "with\n"
     "3 when there are too few runs to decide. docs/perf.md has the suites' format and a job for CI.\n"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* ---- options -------------------------------------------------------------------------------------------------------- */

typedef struct option_row option_row;
struct option_row {
    const char *name;
    char letter;          /* or 0 */
    const char *argument; /* its name in the help, or NULL */
    unsigned commands;
    bool (*apply)(cli *c, const option_row *row, const char *value);
    const char *help;
};

/* What an option takes, for the message about what it does not; of numbers the most. Words are known to the compiler, whose
 * messages list them. */
#define CHUNK_MOST 2305843009213693951 /* as in settings.def */
#define TILE_MOST 1073741824
#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number
static const struct value_row {
    const char *option, *allowed;
    int64_t most;
} values[] = {
    {"save", "NAME=FILE", INT64_MAX},
    {"threads", "a whole number from 1 to 4096", 4096},
    {"time", "a whole number from 1 on", INT64_MAX},
    {"xml", "the name of a file", INT64_MAX},
    {"synthetic", "a description such as \"pack:2 core:4 pu:2\"", INT64_MAX},
    {"svg", "the name of a file", INT64_MAX},
    {"placement", "spread, compact, numa, cores, threads, none or a list such as 0-3,8", INT64_MAX},
    {"only", "a part of a name", INT64_MAX},
    {"processes", "a whole number from 2 to 1000", INT64_MAX},
    {"precision", "a share above 0 and below 1, as 1% or 0.01", INT64_MAX},
    {"budget", "seconds, above 0 and below 1000000", INT64_MAX},
    {"baseline", "a command or a folder", INT64_MAX},
    {"commit", "a text", INT64_MAX},
    {"fail-above", "a share from 0 to below 10, as 5% or 0.05", INT64_MAX},
    {"slow-down", "a share from 0 to below 10, as 5% or 0.05", INT64_MAX},
    {"parallel", "require, or no value", INT64_MAX},
    {"opt", "0, 1, 2 or 3", 3},
    {"chunk", "a whole number from 0 (chosen from the work) to " TEXT_OF(CHUNK_MOST), CHUNK_MOST},
    {"tile",
     "a whole number from 0 (the compiler's choice) to " TEXT_OF(
         TILE_MOST) ", nor up to four from 0 to 32767 with commas between",
     TILE_MOST},
};

static const struct value_row *values_of(const option_row *row) {
    static const struct value_row any = {"", "a value that is known", INT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!strcmp(values[i].option, row->name))
            return &values[i];
    return &any;
}

/* Options of the request are spelt with '_'. */
static bool set_string(cli *c, const option_row *row, const char *value) {
    char *name = arena_strndup(c->a, row->name, strlen(row->name));
    for (char *dash = name; (dash = strchr(dash, '-'));)
        *dash = '_';
    json_object_set_new(c->options, name, json_string(value));
    return true;
}

static bool set_target(cli *c, const option_row *row, const char *value) {
    json_object_set_new(c->target, strcmp(row->name, "target") == 0 ? "triple" : row->name, json_string(value));
    return true;
}

static bool read_number(const char *value, int64_t *x) {
    char *end;
    errno = 0;
    *x = strtoll(value, &end, 10);
    return *value && !*end && *x >= 0 && errno == 0;
}

static bool set_number(cli *c, const option_row *row, const char *value) {
    int64_t x;
    if (!read_number(value, &x) || x > values_of(row)->most)
        return false;
    json_object_set_new(c->options, row->name, json_integer(x));
    return true;
}

/* "a,b" as a list. */
static json_t *split(const char *value) {
    json_t *list = json_array();
    for (size_t n; *value; value += n + (value[n] == ',')) {
        n = strcspn(value, ",");
        if (n)
            json_array_append_new(list, json_stringn(value, n));
    }
    return list;
}

/* "64", or "32,256" for the edges of a nest's outermost loops. */
static bool set_tile(cli *c, const option_row *row, const char *value) {
    int64_t x;
    if (!strchr(value, ','))
        return set_number(c, row, value);
    json_t *list = split(value);
    size_t n = json_array_size(list), i = 0;
    for (; i < n && read_number(json_string_value(json_array_get(list, i)), &x) && x <= PLAIT_TILE_MOST; i++)
        json_array_set_new(list, i, json_integer(x));
    json_object_set_new(c->options, row->name, list);
    return n > 0 && n <= PLAIT_TILE_EDGES && i == n;
}

static bool set_parallel(cli *c, const option_row *row, const char *value) {
    bool require = value && strcmp(value, "require") == 0;
    if (value && !require)
        return false;
    json_object_set_new(c->options, "parallel", require ? json_string("require") : json_boolean(row->name[0] != 'n'));
    return true;
}

static bool set_no_boundscheck(cli *c, const option_row *row, const char *value) {
    (void)row;
    (void)value;
    json_object_set_new(c->options, "boundscheck", json_false());
    return true;
}

static bool set_debug(cli *c, const option_row *row, const char *value) {
    (void)value;
    json_object_set_new(c->options, row->name, json_true());
    return true;
}

static bool set_fastmath(cli *c, const option_row *row, const char *value) {
    json_object_set_new(c->options, row->name, value ? split(value) : json_true());
    return true;
}

static bool add_disabled(cli *c, const option_row *row, const char *value) {
    json_t *list = json_object_get(c->options, row->name), *more = split(value);
    if (list)
        json_array_extend(list, more);
    else
        json_object_set(c->options, row->name, more);
    json_decref(more);
    return true;
}

static bool set_signature(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->signature = value;
    return true;
}

static bool add_output(cli *c, const option_row *row, const char *value) {
    (void)row;
    vec_push(c->a, &c->outputs, value);
    return true;
}

static bool add_save(cli *c, const option_row *row, const char *value) {
    (void)row;
    vec_push(c->a, &c->saves, value);
    return strchr(value, '=') != NULL;
}

static bool set_json(cli *c, const option_row *row, const char *value) {
    (void)row;
    (void)value;
    c->json = true;
    return true;
}

static bool set_markdown(cli *c, const option_row *row, const char *value) {
    (void)row;
    (void)value;
    c->markdown = true;
    return true;
}

static bool set_check(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->check = value;
    return true;
}

static bool set_threads(cli *c, const option_row *row, const char *value) {
    return read_number(value, &c->threads) && c->threads > 0 && c->threads <= values_of(row)->most;
}

static bool set_xml(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->xml = value;
    return *value;
}

static bool set_synthetic(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->synthetic = value;
    return *value;
}

static bool set_svg(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->svg = value;
    return *value;
}

static bool set_placement(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->placement = value;
    return *value;
}

static bool set_time(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->time = true;
    return !value || (read_number(value, &c->repeat) && c->repeat > 0);
}

static bool set_time_report(cli *c, const option_row *row, const char *value) {
    (void)row;
    (void)value;
    c->time_report = true;
    return true;
}

static bool set_only(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->perf.only = value;
    return *value;
}

static bool set_baseline(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->perf.baseline = value;
    return *value;
}

static bool set_commit(cli *c, const option_row *row, const char *value) {
    (void)row;
    c->perf.commit = value;
    return *value;
}

static bool set_processes(cli *c, const option_row *row, const char *value) {
    (void)row;
    return read_number(value, &c->perf.processes) && c->perf.processes > 1 && c->perf.processes <= 1000;
}

/* "5%" or 0.05, from 0 to below `most`. */
static bool read_share(const char *value, double most, double *x) {
    char *end;
    *x = strtod(value, &end);
    if (end != value && !strcmp(end, "%")) {
        *x /= 100;
        end++;
    }
    return end != value && !*end && *x >= 0 && *x < most;
}

static bool set_precision(cli *c, const option_row *row, const char *value) {
    (void)row;
    return read_share(value, 1, &c->perf.precision) && c->perf.precision > 0;
}

static bool set_budget(cli *c, const option_row *row, const char *value) {
    (void)row;
    return read_share(value, 1e6, &c->perf.budget) && c->perf.budget > 0 && !strchr(value, '%');
}

static bool set_fail_above(cli *c, const option_row *row, const char *value) {
    (void)row;
    return read_share(value, 10, &c->perf.fail_above);
}

static bool set_slow_down(cli *c, const option_row *row, const char *value) {
    (void)row;
    return read_share(value, 10, &c->perf.slow_down);
}

static bool set_no_compile(cli *c, const option_row *row, const char *value) {
    (void)row;
    (void)value;
    c->perf.no_compile = true;
    return true;
}

static bool set_quiet(cli *c, const option_row *row, const char *value) {
    (void)row;
    (void)value;
    c->perf.quiet = true;
    return true;
}

static const option_row rows[] = {
    {"sig", 's', "SIGNATURE", CLI_ALL, set_signature,
     "argument types, as \"f8[:](i8, f8[::1])\" or \"(int64, float64)\""},
    {"output", 'o', "FILE", CLI_COMPILE | CLI_RUN | CLI_PERF, add_output, "where to write; may be given several times"},
    {"save", 0, "NAME=FILE", CLI_RUN, add_save, "write the argument NAME to a .npy file after the call"},
    {"threads", 't', "N", CLI_RUN | CLI_TOPOLOGY, set_threads, "number of threads"},
    {"time", 0, "[N]", CLI_RUN, set_time, "print the time of the call, the least of N calls"},
    {"xml", 0, "FILE", CLI_TOPOLOGY, set_xml, "a machine that hwloc described (lstopo FILE.xml)"},
    {"synthetic", 0, "STRING", CLI_TOPOLOGY, set_synthetic, "a machine like \"pack:2 [numa] l3:1 core:8 pu:2\""},
    {"svg", 0, "FILE", CLI_TOPOLOGY, set_svg, "draw the machine with the threads on it"},
    {"placement", 0, "NAME", CLI_TOPOLOGY, set_placement,
     "of the drawing: spread, compact, numa, cores, threads, none or a list"},
    {"json", 0, NULL, CLI_EXPLAIN | CLI_TOPOLOGY | CLI_CONFIG | CLI_PERF, set_json, "print JSON"},
    {"markdown", 0, NULL, CLI_CONFIG, set_markdown, "print the table of all settings for a document"},
    {"check", 0, "FILE", CLI_CONFIG, set_check, "check that file instead"},
    {"time-report", 0, NULL, CLI_COMPILE | CLI_EXPLAIN, set_time_report, "print the milliseconds of each phase"},
    {"only", 0, "TEXT", CLI_PERF, set_only, "run: benchmarks whose name holds it"},
    {"processes", 0, "N", CLI_PERF, set_processes, "run: how many processes measure everything, 2 to 1000"},
    {"precision", 0, "SHARE", CLI_PERF, set_precision, "run: measure until a median is known so well, as 1%"},
    {"budget", 0, "SECONDS", CLI_PERF, set_budget, "run: or until so much time was spent on a benchmark"},
    {"baseline", 0, "WHAT", CLI_PERF, set_baseline,
     "run: another build's command, or a folder with the suite's files as they were: measured in turn"},
    {"commit", 0, "TEXT", CLI_PERF, set_commit, "run: what is measured, for the file"},
    {"no-compile", 0, NULL, CLI_PERF, set_no_compile, "run: the times of compiles are left out"},
    {"quiet", 0, NULL, CLI_PERF, set_quiet, "run: no progress, no table"},
    {"fail-above", 0, "SHARE", CLI_PERF, set_fail_above, "compare: how much slower is allowed; 5% unless said"},
    {"slow-down", 0, "SHARE", CLI_PERF, set_slow_down, "run: each call seems so much longer, to test the tool"},
    {"parallel", 0, "[require]", CLI_ALL, set_parallel,
     "as parallel=True; require: a loop that stays serial is an error"},
    {"no-parallel", 0, NULL, CLI_ALL, set_parallel, "as parallel=False"},
    {"fastmath", 0, "[FLAGS]", CLI_ALL, set_fastmath, "all, or some of nnan,ninf,nsz,arcp,contract,afn,reassoc"},
    {"error-model", 0, "MODEL", CLI_ALL, set_string, "python or numpy: what a division by zero does"},
    {"no-boundscheck", 0, NULL, CLI_ALL, set_no_boundscheck, "do not check indices"},
    {"race", 0, "WHAT", CLI_ALL, set_string, "error, warn, trust or check: what a racy prange does"},
    {"opt", 'O', "LEVEL", CLI_ALL, set_number, "0 to 3"},
    {"schedule", 0, "KIND", CLI_ALL, set_string, "static, dynamic or guided"},
    {"chunk", 0, "N", CLI_ALL, set_number, "iterations handed out at a time"},
    {"tile", 0, "N[,N…]", CLI_ALL, set_tile,
     "most iterations of a tile's edges, or of the outermost loop's, the next one's …"},
    {"math", 0, "LIBRARY", CLI_ALL, set_string, "auto, libm, sleef or libmvec: vector functions"},
    {"disable", 0, "PASSES", CLI_ALL, add_disabled, "passes that are left out, as fuse,tile"},
    {"debug", 'g', NULL, CLI_ALL, set_debug, "line tables, variables kept"},
    {"verify", 0, NULL, CLI_ALL, set_debug, "check the IR after every pass"},
    {"cpu", 0, "NAME", CLI_ALL, set_target, "processor to compile for; the host's by default"},
    {"features", 0, "LIST", CLI_ALL, set_target, "LLVM's features, as +avx2,-fma"},
    {"target", 0, "TRIPLE", CLI_ALL, set_target, "target triple; the host's by default"},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

/* ---- help ------------------------------------------------------------------------------------------------------------- */

static void print_option(const option_row *r) {
    char left[64], letter[8] = "    ";
    bool optional = r->argument && r->argument[0] == '[';
    if (r->letter)
        snprintf(letter, sizeof letter, "-%c, ", r->letter);
    const char *between = !r->argument ? "" : optional ? "[=" : " ";
    snprintf(left, sizeof left, "%s--%s%s%s", letter, r->name, between, r->argument ? r->argument + optional : "");
    int width = 26; /* of characters, where printf counts bytes */
    for (const char *p = left; *p; p++)
        width += (*p & 0xc0) == 0x80;
    printf("  %-*s %s\n", width, left, r->help);
}

static int help_for(const cli_command *command) {
    printf("usage: plait %s %s\n\n%s\n%s%s\noptions:\n", command->name, command->usage, command->summary,
           *command->help ? "\n" : "", command->help);
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].commands & command->bit)
            print_option(&rows[i]);
    }
    return EXIT_DONE;
}

static int print_help(void) {
    printf("plait %s: native parallel code from Python-syntax array kernels\n\n", plait_version());
    for (int i = 0; i < N_COMMANDS; i++)
        printf("  plait %-8s %s\n                 %s\n", commands[i].name, commands[i].usage, commands[i].summary);
    printf("  plait tune     SUITE.yaml [--budget SECONDS] [--plot FILE] …\n                 measure how kernels run "
           "fastest and write that into a configuration file (docs/tuning.md)\n");
    printf("\nplait COMMAND --help says more. Files may say \"from plait import …\" or \"from numba import …\".\n");
    return EXIT_DONE;
}

static const cli_command *find_command(const char *name) {
    for (int i = 0; i < N_COMMANDS; i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

/* ---- reading the command line ------------------------------------------------------------------------------------------- */

enum { FIRST_LONG = 256, HELP = 255 };

/* getopt's tables for the options that the command takes. */
static void make_tables(const cli_command *command, struct option *longs, char *letters) {
    size_t n = 0;
    *letters++ = '-'; /* words come in order, as values of option 1 */
    *letters++ = ':';
    for (int i = 0; i < N_ROWS; i++) {
        if (!(rows[i].commands & command->bit))
            continue;
        int argument = !rows[i].argument            ? no_argument
                       : rows[i].argument[0] == '[' ? optional_argument
                                                    : required_argument;
        longs[n++] = (struct option){rows[i].name, argument, NULL, FIRST_LONG + i};
        if (!rows[i].letter)
            continue;
        *letters++ = rows[i].letter;
        if (argument == required_argument)
            *letters++ = ':';
    }
    longs[n++] = (struct option){"help", no_argument, NULL, HELP};
    *letters++ = 'h';
    *letters = '\0';
    longs[n] = (struct option){0};
}

static const option_row *row_of(int code) {
    for (int i = 0; i < N_ROWS; i++) {
        if (code == FIRST_LONG + i || (code < HELP && code == rows[i].letter))
            return &rows[i];
    }
    return NULL;
}

/* -3 and -.5 are numbers, not options. */
static bool is_number(const char *word) {
    return word[0] == '-' && (strchr("0123456789", word[1]) ? word[1] != '\0' : word[1] == '.');
}

/* What was printed may not have arrived: a full disk is not success. */
static int finish(int status) {
    bool bad = fflush(stdout) != 0 || ferror(stdout);
    if (bad && errno != EPIPE)
        fprintf(stderr, "plait: standard output cannot be written: %s\n", strerror(errno));
    return bad && status == EXIT_DONE ? EXIT_FAILED : status;
}

static int read_options(cli *c, const cli_command *command, int argc, char **argv) {
    struct option longs[N_ROWS + 2];
    char letters[2 * N_ROWS + 8];
    make_tables(command, longs, letters);
    optind = 1;
    opterr = 0;
    while (optind < argc) {
        if (is_number(argv[optind])) {
            vec_push(c->a, &c->words, argv[optind++]);
            continue;
        }
        int code = getopt_long(argc, argv, letters, longs, NULL);
        if (code == -1)
            break;
        if (code == 'h' || code == HELP)
            exit(finish(help_for(command)));
        if (code == 1) {
            vec_push(c->a, &c->words, optarg);
            continue;
        }
        const option_row *row = row_of(code);
        if (code == ':' || code == '?' || !row)
            return cli_misused(c, code == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
        if (!row->apply(c, row, optarg))
            return cli_misused(c, "bad value for --%s: '%s' is not %s", row->name, optarg ? optarg : "",
                               values_of(row)->allowed);
    }
    for (; optind < argc; optind++)
        vec_push(c->a, &c->words, argv[optind]);
    return EXIT_DONE;
}

static int run_command(const cli_command *command, int argc, char **argv) {
    cli c = {.a = arena_new(NULL), .threads = 0, .repeat = 1, .perf.fail_above = -1};
    if (!c.a)
        return EXIT_FAILED;
    c.syms = sym_table_new(c.a);
    c.d = diags_new(c.a);
    c.options = json_object();
    c.target = json_object();
    int status = read_options(&c, command, argc, argv);
    if (status == EXIT_DONE)
        status = command->run(&c);
    json_decref(c.options);
    json_decref(c.target);
    arena_free(c.a);
    return status;
}

static int run_words(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "--help";
    if (!strcmp(name, "--version") || !strcmp(name, "-V"))
        return printf("plait %s\n", plait_version()) < 0;
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        return print_help();
    if (!strcmp(name, "help")) {
        const cli_command *command = argc > 2 ? find_command(argv[2]) : NULL;
        return command ? help_for(command) : print_help();
    }
    if (!strcmp(name, "tune"))
        return cli_tune(argc - 1, argv + 1);
    const cli_command *command = find_command(name);
    if (!command) {
        fprintf(stderr, "plait: unknown command '%s' (plait --help lists them)\n", name);
        return EXIT_USAGE;
    }
    return run_command(command, argc - 1, argv + 1);
}

int main(int argc, char **argv) {
    return finish(run_words(argc, argv));
}
