/* The command `plait`: subcommands in a table, each told what was given on the command line. */
#ifndef PLAIT_CLI_CLI_H
#define PLAIT_CLI_CLI_H

#include "cli/module.h"
#include "plait/plait.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef struct cli { /* of one run of the command */
    arena *a;
    sym_table *syms;
    diags *d;
    VEC(const char *) words; /* what is no option */
    const char *signature;
    json_t *options; /* of the request, that the command line sets */
    json_t *target;
    VEC(const char *) outputs; /* -o */
    VEC(const char *) saves;   /* --save NAME=FILE */
    bool json, markdown, time;
    const char *check; /* config: the file to check */
    int64_t threads, repeat;
    const char *xml, *synthetic, *svg, *placement; /* topology */
    bool time_report;                              /* compile, explain */
    struct {
        const char *only, *baseline, *commit; /* NULL: not given */
        const char *folder;                   /* baseline, when it is one */
        int64_t processes;                    /* 0: not given */
        double precision, budget;             /* likewise */
        double fail_above;                    /* negative: not given */
        double slow_down;                     /* for tests of the tool: each call seems so much longer */
        bool no_compile, quiet;
    } perf;
} cli;

typedef struct cli_command {
    const char *name;
    int (*run)(cli *c);
    unsigned bit; /* in the masks of the options it takes */
    const char *usage, *summary, *help;
} cli_command;

enum {
    CLI_COMPILE = 1,
    CLI_RUN = 2,
    CLI_EXPLAIN = 4,
    CLI_DUMP = 8,
    CLI_REQUEST = 16,
    CLI_ALL = 31,
    CLI_TOPOLOGY = 32,
    CLI_CONFIG = 64,
    CLI_PERF = 128
};

int cli_compile(cli *c);
int cli_run(cli *c);
int cli_explain(cli *c);
int cli_dump(cli *c);
int cli_request(cli *c);
int cli_topology(cli *c);
int cli_config(cli *c);
/* Takes the command line as it is, and leaves this program. */
int cli_tune(int argc, char **argv);

/* ---- shared by the subcommands (request.c) ---------------------------------------------------------------------------- */

/* FILE.py:FUNC, FILE.py or REQUEST.json. */
typedef struct cli_spec {
    const char *path, *function; /* function: NULL when it is not given */
    bool is_request;
} cli_spec;
cli_spec cli_read_spec(cli *c, const char *word);

/* The request of a function with the command line's options, without signature: new reference, NULL after reporting. */
json_t *cli_request_of(cli *c, module *m, const module_function *f);
/* The request that the word names; its signature is the command line's, the decorator's, or (guess) one guessed from the
 * use of the parameters; *guessed says so. NULL after reporting. `wanted`: NULL, or the signature to take. */
json_t *cli_load(cli *c, const char *word, const char *wanted);
/* The one signature that is given for `f`, or NULL after reporting. */
const char *cli_signature(cli *c, const module_function *f);
/* Compiles; NULL after printing the diagnostics. Takes the reference. */
plait_artifact *cli_compile_request(cli *c, json_t *request);
/* The milliseconds of each phase of the compile, to the standard error. */
void cli_print_timings(const char *function, const plait_artifact *artifact);
void cli_ask_dump(json_t *request, const char *name);

__attribute__((format(printf, 2, 3))) int cli_fail(cli *c, const char *format, ...);    /* prints; EXIT_FAILED */
__attribute__((format(printf, 2, 3))) int cli_misused(cli *c, const char *format, ...); /* prints; EXIT_USAGE */
int cli_report(cli *c); /* prints the diagnostics; EXIT_FAILED when there are errors */

#endif
