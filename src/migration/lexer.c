#include "migration/lexer.h"

#include <glib.h>
#include <string.h>

/* Bytes of an identifier that the server keeps (NAMEDATALEN - 1). */
#define NAME_BYTES 63

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f' || c == '\v' || is_line_end(c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool starts_word(char c)
{
    return g_ascii_isalpha(c) || c == '_' || ((unsigned char)c & 0x80);
}

static bool continues_tag(char c)
{
    return starts_word(c) || is_digit(c);
}

static bool continues_word(char c)
{
    return continues_tag(c) || c == '$';
}

static char peek(const Lexer *lexer, size_t offset)
{
    if ((size_t)(lexer->end - lexer->at) <= offset)
        return '\0';
    return lexer->at[offset];
}

Lexer lexer_on(const char *sql, size_t size_bytes)
{
    return (Lexer){.at = sql, .end = sql + size_bytes};
}

/* Moves behind a line comment; its line end stays, because a line end decides whether a string is
 * continued. */
static void skip_line_comment(Lexer *lexer)
{
    while (lexer->at < lexer->end && !is_line_end(*lexer->at))
        lexer->at++;
}

/* Comments nest. Depth is counted, not recursed into: hostile nesting costs no stack. */
static bool skip_block_comment(Lexer *lexer)
{
    size_t depth = 0;
    do {
        if (lexer->at >= lexer->end)
            return false;
        if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
            depth++;
            lexer->at += 2;
        } else if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
            depth--;
            lexer->at += 2;
        } else {
            lexer->at++;
        }
    } while (depth > 0);
    return true;
}

/* From behind an opening quote to behind the closing one. A doubled quote ends the token and begins
 * the next piece of it at once, which comes to the same as standing for itself. */
static bool skip_quoted(Lexer *lexer, char quote, bool backslashes)
{
    while (lexer->at < lexer->end) {
        char c = *lexer->at++;
        if (c == '\\' && backslashes) {
            if (lexer->at < lexer->end)
                lexer->at++;
        } else if (c == quote) {
            if (peek(lexer, 0) != quote)
                return true;
            lexer->at++;
        }
    }
    return false;
}

/*
 * 'a' <line end> 'b' is one string, and in E'a' <line end> 'b\'' the second piece has escapes too,
 * so that the continuation must be seen to find its end. Between the pieces may be blanks and line
 * comments, with at least one line end among them.
 */
static bool skip_to_continuation(Lexer *lexer)
{
    Lexer ahead = *lexer;
    bool line_end = false;
    while (ahead.at < ahead.end) {
        if (is_blank(*ahead.at)) {
            line_end = line_end || is_line_end(*ahead.at);
            ahead.at++;
        } else if (peek(&ahead, 0) == '-' && peek(&ahead, 1) == '-') {
            skip_line_comment(&ahead);
        } else {
            break;
        }
    }
    if (!line_end || peek(&ahead, 0) != '\'')
        return false;
    lexer->at = ahead.at + 1;
    return true;
}

static bool skip_string(Lexer *lexer, bool backslashes)
{
    do {
        if (!skip_quoted(lexer, '\'', backslashes))
            return false;
    } while (skip_to_continuation(lexer));
    return true;
}

/* Size of the opening $tag$ at the lexer's place; 0 if there is none. */
static size_t dollar_tag(const Lexer *lexer)
{
    size_t size = 1;
    if (starts_word(peek(lexer, size)))
        while (continues_tag(peek(lexer, size)))
            size++;
    return peek(lexer, size) == '$' ? size + 1 : 0;
}

/* The tag has a $ at its ends alone, so that looking at each $ of the body once is enough. */
static bool skip_dollar(Lexer *lexer, size_t tag_size)
{
    const char *tag = lexer->at;
    const char *at = tag + tag_size;
    while ((at = memchr(at, '$', (size_t)(lexer->end - at))) != NULL) {
        if ((size_t)(lexer->end - at) >= tag_size && memcmp(at, tag, tag_size) == 0) {
            lexer->at = at + tag_size;
            return true;
        }
        at++;
    }
    lexer->at = lexer->end;
    return false;
}

static void skip_digits(Lexer *lexer)
{
    while (is_digit(peek(lexer, 0)))
        lexer->at++;
}

/*
 * From behind the first character of a number: digits, a fraction, an exponent. ".." is not a
 * fraction: 1..10 is a range of PL/pgSQL. Letters that hang on (0x1F, 1_000, or what the server
 * calls junk) are taken as a word is, with the $ in it, so that no dollar quote begins there.
 */
static void skip_number(Lexer *lexer)
{
    skip_digits(lexer);
    if (lexer->at[-1] != '.' && peek(lexer, 0) == '.' && peek(lexer, 1) != '.') {
        lexer->at++;
        skip_digits(lexer);
    }
    if (g_ascii_tolower(peek(lexer, 0)) == 'e') {
        const char sign = peek(lexer, 1);
        const size_t digits = sign == '+' || sign == '-' ? 2 : 1;
        if (is_digit(peek(lexer, digits))) {
            lexer->at += digits;
            skip_digits(lexer);
        }
    }
    if (starts_word(peek(lexer, 0)))
        while (lexer->at < lexer->end && continues_word(*lexer->at))
            lexer->at++;
}

static TokenKind skip_word_or_prefixed(Lexer *lexer, bool *open)
{
    const char first = g_ascii_tolower(*lexer->at);
    const char second = peek(lexer, 1);
    if (second == '\'' && (first == 'e' || first == 'b' || first == 'x' || first == 'n')) {
        lexer->at += 2;
        *open = !skip_string(lexer, first == 'e');
        return TOKEN_STRING;
    }
    if (first == 'u' && second == '&' && (peek(lexer, 2) == '\'' || peek(lexer, 2) == '"')) {
        bool string = peek(lexer, 2) == '\'';
        lexer->at += 3;
        *open = !(string ? skip_string(lexer, false) : skip_quoted(lexer, '"', false));
        return string ? TOKEN_STRING : TOKEN_QUOTED;
    }
    while (lexer->at < lexer->end && continues_word(*lexer->at))
        lexer->at++;
    return TOKEN_WORD;
}

static TokenKind skip_from_dollar(Lexer *lexer, bool *open)
{
    size_t tag_size = dollar_tag(lexer);
    if (tag_size > 0) {
        *open = !skip_dollar(lexer, tag_size);
        return TOKEN_DOLLAR;
    }
    lexer->at++;
    if (!is_digit(peek(lexer, 0)))
        return TOKEN_SYMBOL;
    while (is_digit(peek(lexer, 0)))
        lexer->at++;
    return TOKEN_NUMBER;
}

/* Moves behind the token that begins here and says what it is. */
static TokenKind skip_token(Lexer *lexer, bool *open)
{
    char c = *lexer->at;
    if (c == '-' && peek(lexer, 1) == '-') {
        skip_line_comment(lexer);
        return TOKEN_LINE_COMMENT;
    }
    if (c == '/' && peek(lexer, 1) == '*') {
        *open = !skip_block_comment(lexer);
        return TOKEN_BLOCK_COMMENT;
    }
    if (starts_word(c))
        return skip_word_or_prefixed(lexer, open);
    if (c == '$')
        return skip_from_dollar(lexer, open);
    lexer->at++;
    if (c == '\'') {
        *open = !skip_string(lexer, false);
        return TOKEN_STRING;
    }
    if (c == '"') {
        *open = !skip_quoted(lexer, '"', false);
        return TOKEN_QUOTED;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 0)))) {
        skip_number(lexer);
        return TOKEN_NUMBER;
    }
    return TOKEN_SYMBOL;
}

Token lexer_next_any(Lexer *lexer)
{
    while (lexer->at < lexer->end && is_blank(*lexer->at))
        lexer->at++;
    Token token = {.kind = TOKEN_END, .start = lexer->at};
    if (lexer->at < lexer->end)
        token.kind = skip_token(lexer, &token.open);
    token.size = (size_t)(lexer->at - token.start);
    return token;
}

Token lexer_next(Lexer *lexer)
{
    Token token;
    do {
        token = lexer_next_any(lexer);
    } while (token.kind == TOKEN_LINE_COMMENT ||
             (token.kind == TOKEN_BLOCK_COMMENT && !token.open));
    return token;
}

bool token_is(const Token *token, const char *word)
{
    return token->kind == TOKEN_WORD && strlen(word) == token->size &&
           g_ascii_strncasecmp(token->start, word, token->size) == 0;
}

bool token_is_symbol(const Token *token, char symbol)
{
    return token->kind == TOKEN_SYMBOL && *token->start == symbol;
}

static char *cut_to_name(char *name)
{
    if (strlen(name) > NAME_BYTES) {
        size_t size = NAME_BYTES;
        while (size > 0 && ((unsigned char)name[size] & 0xC0) == 0x80)
            size--;
        name[size] = '\0';
    }
    return name;
}

char *token_name(const Token *token)
{
    if (token->kind == TOKEN_WORD)
        return cut_to_name(g_ascii_strdown(token->start, (gssize)token->size));
    if (token->kind != TOKEN_QUOTED || token->open || *token->start != '"')
        return NULL;
    GString *name = g_string_new(NULL);
    for (size_t i = 1; i + 1 < token->size; i++) {
        g_string_append_c(name, token->start[i]);
        if (token->start[i] == '"')
            i++;
    }
    return cut_to_name(g_string_free(name, FALSE));
}

Lexer token_dollar_body(const Token *token)
{
    Lexer at_tag = lexer_on(token->start, token->size);
    size_t tag_size = dollar_tag(&at_tag);
    return lexer_on(token->start + tag_size, token->size - 2 * tag_size);
}

static char escaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* Appends the value of the piece whose opening quote is at the lexer's place. */
static void append_piece(GString *value, Lexer *lexer, bool backslashes)
{
    const char *start = ++lexer->at;
    if (!skip_quoted(lexer, '\'', backslashes))
        return;
    for (const char *c = start; c < lexer->at - 1; c++) {
        const bool escape = *c == '\\' && backslashes;
        if (escape || *c == '\'')
            c++;
        g_string_append_c(value, escape ? escaped(*c) : *c);
    }
}

char *token_value(const Token *token)
{
    if (token->open)
        return NULL;
    if (token->kind == TOKEN_DOLLAR) {
        Lexer body = token_dollar_body(token);
        return g_strndup(body.at, (size_t)(body.end - body.at));
    }
    if (token->kind != TOKEN_STRING)
        return NULL;
    bool backslashes = g_ascii_tolower(*token->start) == 'e';
    Lexer lexer = lexer_on(token->start, token->size);
    while (*lexer.at != '\'')
        lexer.at++;
    GString *value = g_string_sized_new(token->size);
    do {
        append_piece(value, &lexer, backslashes);
    } while (skip_to_continuation(&lexer) && lexer.at-- > token->start);
    return g_string_free(value, FALSE);
}
