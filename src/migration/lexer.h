/*
 * The words of SQL, after the rules of psqlscan.l: where quotes, dollar quotes, comments and
 * identifiers begin and end, and nothing else. Text is UTF-8; standard_conforming_strings is on. A
 * lexer is a plain value: a copy of it is a place to come back to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    TOKEN_END,          /* of the text; size 0 */
    TOKEN_WORD,         /* keyword or identifier without quotes */
    TOKEN_QUOTED,       /* "identifier" or U&"identifier" */
    TOKEN_STRING,       /* '...', E'...', U&'...', with its continuations on later lines */
    TOKEN_DOLLAR,       /* $tag$...$tag$ */
    TOKEN_NUMBER,       /* number, or parameter ($1) */
    TOKEN_SYMBOL,       /* one character of anything else */
    TOKEN_LINE_COMMENT, /* -- to the end of the line, without the line end */
    TOKEN_BLOCK_COMMENT,
} TokenKind;

typedef struct {
    TokenKind kind;
    const char *start;
    size_t size;
    bool open; /* its end is missing: it reaches to the end of the text */
} Token;

typedef struct {
    const char *at;
    const char *end;
} Lexer;

Lexer lexer_on(const char *sql, size_t size_bytes);

/* The next token, comments among them. TOKEN_END at the end, again and again. */
Token lexer_next_any(Lexer *lexer);

/* The next token that is no comment. A comment without an end gives that comment. */
Token lexer_next(Lexer *lexer);

/* Whether token is this word (lower case), in any case. */
bool token_is(const Token *token, const char *word);
bool token_is_symbol(const Token *token, char symbol);

/* The name that a word or quoted identifier stands for: folded to lower case or unquoted, cut to 63
 * bytes as the server does. NULL for U&"...", which is not decoded, and for other tokens. The
 * caller frees it. */
char *token_name(const Token *token);

/* The value of a string or dollar quote, as far as one can tell without a server: doubled quotes
 * and simple escapes are resolved, U& and numeric escapes are left as they are. NULL for other
 * tokens. The caller frees it. */
char *token_value(const Token *token);

/* The text between the quotes of a TOKEN_DOLLAR that is not open, which is its value byte for byte.
 */
Lexer token_dollar_body(const Token *token);
