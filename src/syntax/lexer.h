/* Text → tokens, one logical line at a time. */
#ifndef PLAIT_SYNTAX_LEXER_H
#define PLAIT_SYNTAX_LEXER_H

#include "support/diag.h"
#include "support/sym.h"

typedef enum token_kind {
    TOKEN_INVALID,
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_INDENT,
    TOKEN_DEDENT,
    TOKEN_ERROR, /* reported already */
    TOKEN_NAME,
    TOKEN_NUMBER,
    TOKEN_STRING,
#define KEYWORD(name, chars) TOKEN_##name,
#define SYMBOL(name, chars) TOKEN_##name,
#include "syntax/tokens.def"
#undef KEYWORD
#undef SYMBOL
    TOKEN_KIND_COUNT
} __attribute__((packed)) token_kind;

typedef struct token {
    token_kind kind;
    bool beyond_ascii; /* NAME: must be normalised */
    uint32_t len;
    const char *at;
    uint32_t line, col, end_line, end_col; /* as in spans */
} token;

enum { LEXER_MAX_BRACKETS = 200, LEXER_MAX_BLOCKS = 100, LEXER_MAX_SOURCE = 64 << 20 };

typedef struct bracket {
    token_kind closer;
    uint32_t line, col;
} bracket;

typedef struct lexer {
    arena *a;
    diags *d;
    uint32_t file;
    const char *at;      /* NUL-terminated */
    const char *line_at; /* first byte of the current line */
    uint32_t line;
    uint32_t shift, first_shift; /* columns cut from the left: of this line, of every further one */
    bool fragment;               /* an expression inside a larger text: newlines are spaces, no indentation */
    bool failed;                 /* an error was reported for this logical line */
    bool too_deep;               /* too many levels of indentation were reported */
    uint32_t depth, level;
    bracket brackets[LEXER_MAX_BRACKETS];
    uint32_t indents[LEXER_MAX_BLOCKS], tabless_indents[LEXER_MAX_BLOCKS];
    VEC(token) tokens;
} lexer;

void lexer_open(lexer *l, arena *a, diags *d, uint32_t file);
/* Appends the tokens of one logical line, DEDENTs or an INDENT first, NEWLINE last; at the end of the text DEDENTs and
 * END. The lines of an ended lexer are END alone. */
void lexer_read_line(lexer *l);
/* Appends the tokens of `chars`, which stands inside brackets at the given place of the file, and END. `chars` must be
 * NUL-terminated and outlive the tokens. */
void lexer_read_fragment(lexer *l, const char *chars, uint32_t line, uint32_t col);

const char *token_kind_name(token_kind kind); /* "NAME", "LPAR" */
const char *token_kind_text(token_kind kind); /* "(", or a word in plain English */

/* Valid UTF-8 without NULs, not too large; otherwise reports and returns false. */
bool lexer_check_text(diags *d, uint32_t file);
/* The symbol of a NAME, normalised as Python does; NULL after reporting that we cannot. */
sym lexer_name(const lexer *l, sym_table *syms, const token *t);

/* Code point at `at` (valid UTF-8), its length in *len. */
uint32_t utf8_decode(const char *at, uint32_t *len);
/* Writes 1 to 4 bytes; surrogates are written as if they were characters. */
uint32_t utf8_encode(uint32_t code, char out[4]);
bool name_may_start(uint32_t code);
bool name_may_continue(uint32_t code);

#endif
