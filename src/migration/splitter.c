#include "migration/splitter.h"

#include "base/error.h"
#include "migration/lexer.h"
#include <string.h>

/* A character of the file, by line and column from 1. Line ends are LF, CR LF and CR. */
typedef struct {
    const char *at;
    int line, column;
} Place;

/*
 * CREATE [OR REPLACE] FUNCTION|PROCEDURE ... BEGIN ATOMIC ...; ...; END: psql counts the first
 * words to know that it is in one, then BEGIN and CASE against END. BEGIN counts here only with
 * ATOMIC behind it, and not where a name must stand (after a dot or AS), so that a function or
 * column may be called begin or end.
 */
typedef struct {
    char first[4]; /* initials of the first four words, if they are of CREATE OR REPLACE FUNCTION
                      PROCEDURE */
    size_t words;
    size_t depth;
    Token opened; /* the outermost BEGIN */
} Body;

typedef enum { COPY_NOT, COPY_MAYBE, COPY_FROM, COPY_STDIN } CopyState;

typedef struct {
    Lexer lexer;
    Place place;
    const char *path;
    SplitterNote note;
    gpointer note_data;
    const char *begin; /* of the file, behind the BOM */
    GPtrArray *statements;

    Token first, last; /* of the current statement; last.kind is TOKEN_END between statements */
    int line, column;  /* of first */
    size_t parens;
    Token paren; /* the outermost open one */
    Body body;
    CopyState copy;
} Splitter;

void sql_statement_free(SqlStatement *statement)
{
    if (statement == NULL)
        return;
    g_free(statement->text);
    g_free(statement->copy_data);
    g_free(statement);
}

static void place_advance(Place *place, const char *to)
{
    for (; place->at < to; place->at++) {
        const char c = *place->at;
        /* The LF of CR LF belongs to the line end that CR has begun. */
        if (c == '\n' && place->column == 0) {
            place->column = 1;
        } else if (c == '\n' || c == '\r') {
            place->line++;
            place->column = c == '\r' ? 0 : 1;
        } else if (((unsigned char)c & 0xC0) != 0x80) {
            place->column = MAX(place->column, 1) + 1;
        }
    }
}

/* Column 0 means "behind a CR, an LF may follow". */
static int place_column(const Place *place)
{
    return MAX(place->column, 1);
}

static void error_at(const Splitter *splitter, const char *at, GError **error, const char *message)
{
    Place place = {.at = splitter->begin, .line = 1, .column = 1};
    place_advance(&place, at);
    error_set(error, ERROR_CONFIG, "%s:%d:%d: %s", splitter->path, place.line, place_column(&place),
              message);
}

void splitter_locate(const SqlStatement *statement, int position, int *line, int *column)
{
    Place place = {.at = statement->text, .line = statement->line, .column = statement->column};
    const char *to = statement->text;
    const char *end = statement->text + statement->size_bytes;
    for (int i = 1; i < position && to < end; i++)
        to = g_utf8_next_char(to);
    place_advance(&place, MIN(to, end));
    *line = place.line;
    *column = place_column(&place);
}

/* ---- what the words of a statement say about its end ---- */

static char body_initial(const Token *token)
{
    static const char *const words[] = {"create", "or", "replace", "function", "procedure"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (token_is(token, words[i]))
            return words[i][0];
    return '\0';
}

static bool body_possible(const Body *body)
{
    const char *first = body->first;
    const char kind = first[memcmp(first, "cor", 3) == 0 ? 3 : 1];
    return first[0] == 'c' && (kind == 'f' || kind == 'p');
}

static void body_word(Splitter *splitter, const Token *token)
{
    Body *body = &splitter->body;
    if (body->words < G_N_ELEMENTS(body->first))
        body->first[body->words] = body_initial(token);
    body->words++;
    if (!body_possible(body) || splitter->parens > 0)
        return;
    const Token *before = &splitter->last;
    if (token_is_symbol(before, '.') || (body->depth > 0 && token_is(before, "as")))
        return;
    if (token_is(token, "begin")) {
        Lexer ahead = splitter->lexer;
        const Token next = lexer_next(&ahead);
        if (body->depth == 0 && token_is(&next, "atomic")) {
            body->opened = *token;
            body->depth = 1;
        }
    } else if (body->depth > 0 && token_is(token, "case")) {
        body->depth++;
    } else if (body->depth > 0 && token_is(token, "end")) {
        body->depth--;
    }
}

/* The first FROM outside parentheses decides; the grammar takes STDOUT for STDIN there. */
static void copy_word(Splitter *splitter, const Token *token)
{
    if (splitter->last.kind == TOKEN_END)
        splitter->copy = token_is(token, "copy") ? COPY_MAYBE : COPY_NOT;
    else if (splitter->copy == COPY_FROM)
        splitter->copy =
            token_is(token, "stdin") || token_is(token, "stdout") ? COPY_STDIN : COPY_NOT;
    else if (splitter->copy == COPY_MAYBE && splitter->parens == 0 && token_is(token, "from"))
        splitter->copy = COPY_FROM;
}

static void statement_token(Splitter *splitter, const Token *token)
{
    if (splitter->last.kind == TOKEN_END) {
        splitter->first = *token;
        place_advance(&splitter->place, token->start);
        splitter->line = splitter->place.line;
        splitter->column = place_column(&splitter->place);
    }
    copy_word(splitter, token);
    if (token->kind == TOKEN_WORD) {
        body_word(splitter, token);
    } else if (token_is_symbol(token, '(')) {
        if (splitter->parens++ == 0)
            splitter->paren = *token;
    } else if (token_is_symbol(token, ')') && splitter->parens > 0) {
        splitter->parens--;
    }
    splitter->last = *token;
}

/* ---- the end of a statement ---- */

static SqlStatement *statement_new(Splitter *splitter)
{
    SqlStatement *statement = g_new0(SqlStatement, 1);
    const char *end = splitter->last.start + splitter->last.size;
    statement->size_bytes = (size_t)(end - splitter->first.start);
    statement->text = g_strndup(splitter->first.start, statement->size_bytes);
    statement->line = splitter->line;
    statement->column = splitter->column;
    return statement;
}

static void next_statement(Splitter *splitter)
{
    splitter->first = splitter->last = (Token){.kind = TOKEN_END};
    splitter->parens = 0;
    splitter->body = (Body){0};
    splitter->copy = COPY_NOT;
}

/* Behind the semicolon, up to and with the line end. psql would run what stands there after the
 * data. */
static bool copy_rest_of_line(Splitter *splitter, GError **error)
{
    Lexer *lexer = &splitter->lexer;
    while (lexer->at < lexer->end && strchr(" \t\f\v", *lexer->at) != NULL)
        lexer->at++;
    if (lexer->at < lexer->end && *lexer->at == '\r')
        lexer->at++;
    if (lexer->at < lexer->end && *lexer->at != '\n' && lexer->at[-1] != '\r') {
        error_at(splitter, lexer->at, error,
                 "the data of COPY ... FROM stdin begin on the next line: nothing may stand here");
        return false;
    }
    if (lexer->at < lexer->end && *lexer->at == '\n')
        lexer->at++;
    return true;
}

/* The data are the lines up to \. alone on a line, byte for byte. */
static bool copy_take_data(Splitter *splitter, SqlStatement *statement, GError **error)
{
    if (!copy_rest_of_line(splitter, error))
        return false;
    const char *data = splitter->lexer.at;
    const char *end = splitter->lexer.end;
    for (const char *line = data; line < end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        const char *next = feed ? feed + 1 : end;
        size_t size = (size_t)((feed ? feed : end) - line);
        if (size > 0 && line[size - 1] == '\r')
            size--;
        if (size == 2 && memcmp(line, "\\.", 2) == 0) {
            statement->copy_bytes = (size_t)(line - data);
            statement->copy_data = g_strndup(data, statement->copy_bytes);
            splitter->lexer.at = next;
            return true;
        }
        line = next;
    }
    error_at(splitter, splitter->first.start, error,
             "the data of COPY ... FROM stdin do not end: no line '\\.' follows");
    return false;
}

static bool statement_end(Splitter *splitter, GError **error)
{
    if (splitter->last.kind != TOKEN_END) {
        g_autoptr(SqlStatement) statement = statement_new(splitter);
        if (splitter->copy == COPY_STDIN && !copy_take_data(splitter, statement, error))
            return false;
        g_ptr_array_add(splitter->statements, g_steal_pointer(&statement));
    }
    next_statement(splitter);
    return true;
}

/* ---- what is not SQL, or has no end ---- */

/* The word behind a backslash, or the one character there. The caller frees it. */
static char *backslash_command(const Lexer *lexer)
{
    const char *end = lexer->at;
    while (end < lexer->end && (g_ascii_isalnum(*end) || *end == '_'))
        end++;
    if (end == lexer->at && end < lexer->end && g_ascii_isgraph(*end))
        end++;
    return g_strndup(lexer->at, MIN((size_t)(end - lexer->at), 32));
}

static bool backslash(Splitter *splitter, const Token *token, GError **error)
{
    Lexer *lexer = &splitter->lexer;
    g_autofree char *command = backslash_command(lexer);
    const bool restricts = strcmp(command, "restrict") == 0 || strcmp(command, "unrestrict") == 0;
    if (restricts && splitter->last.kind == TOKEN_END) {
        while (lexer->at < lexer->end && *lexer->at != '\n' && *lexer->at != '\r')
            lexer->at++;
        return true;
    }
    g_autofree char *message = NULL;
    if (*command == '\0')
        message = g_strdup("backslash outside quotes");
    else if (restricts)
        message = g_strdup_printf("'\\%s' stands inside a statement", command);
    else if (strcmp(command, ".") == 0)
        message = g_strdup("'\\.' ends the data of COPY ... FROM stdin, and there are none here");
    else
        message = g_strdup_printf("'\\%s' is a command of psql, not SQL", command);
    error_at(splitter, token->start, error, message);
    error_hint_set(error,
                   "a migration is sent to the server as it is: say it in SQL, or take it out "
                   "(data go behind COPY ... FROM stdin)");
    return false;
}

static bool error_open_token(const Splitter *splitter, const Token *token, GError **error)
{
    const char *message = "string is not closed";
    if (token->kind == TOKEN_QUOTED)
        message = "quoted identifier is not closed";
    else if (token->kind == TOKEN_DOLLAR)
        message = "dollar quote is not closed";
    else if (token->kind == TOKEN_BLOCK_COMMENT)
        message = "comment is not closed";
    error_at(splitter, token->start, error, message);
    return false;
}

static bool file_end(Splitter *splitter, GError **error)
{
    if (splitter->parens > 0) {
        error_at(splitter, splitter->paren.start, error, "parenthesis is not closed");
        return false;
    }
    if (splitter->body.depth > 0) {
        error_at(splitter, splitter->body.opened.start, error, "BEGIN ATOMIC has no END");
        return false;
    }
    return statement_end(splitter, error);
}

/* ---- the file ---- */

/* Whether only blanks stand between the line's begin and at. */
static bool begins_line(const Splitter *splitter, const char *at)
{
    while (at > splitter->begin && strchr(" \t\f\v", at[-1]) != NULL)
        at--;
    return at == splitter->begin || at[-1] == '\n' || at[-1] == '\r';
}

static bool line_comment(Splitter *splitter, const Token *token, GError **error)
{
    if (splitter->note == NULL)
        return true;
    place_advance(&splitter->place, token->start);
    const SqlComment seen = {
        .text = token->start + 2,
        .size_bytes = token->size - 2,
        .line = splitter->place.line,
        .column = place_column(&splitter->place),
        .leading = splitter->statements->len == 0 && splitter->last.kind == TOKEN_END,
        .between = splitter->last.kind == TOKEN_END,
        .alone = begins_line(splitter, token->start),
        .statements = splitter->statements->len,
    };
    return splitter->note(&seen, splitter->note_data, error);
}

static bool split(Splitter *splitter, GError **error)
{
    for (;;) {
        const Token token = lexer_next_any(&splitter->lexer);
        bool done = true;
        if (token.open)
            return error_open_token(splitter, &token, error);
        if (token.kind == TOKEN_END)
            return file_end(splitter, error);
        if (token.kind == TOKEN_LINE_COMMENT)
            done = line_comment(splitter, &token, error);
        else if (token_is_symbol(&token, '\\'))
            done = backslash(splitter, &token, error);
        else if (token_is_symbol(&token, ';') && splitter->parens == 0 && splitter->body.depth == 0)
            done = statement_end(splitter, error);
        else if (token.kind != TOKEN_BLOCK_COMMENT)
            statement_token(splitter, &token);
        if (!done)
            return false;
    }
}

static bool check_utf8(const Splitter *splitter, GError **error)
{
    const char *bad = NULL;
    if (g_utf8_validate_len(splitter->lexer.at, (size_t)(splitter->lexer.end - splitter->lexer.at),
                            &bad))
        return true;
    error_at(splitter, bad, error, *bad == '\0' ? "NUL byte" : "not valid UTF-8");
    error_hint_set(error, "save the file as UTF-8");
    return false;
}

GPtrArray *splitter_split_noting(const char *sql, size_t size_bytes, const char *path,
                                 SplitterNote note, gpointer data, GError **error)
{
    const size_t bom = size_bytes >= 3 && memcmp(sql, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    const char *begin = sql + bom;
    g_autoptr(GPtrArray) statements =
        g_ptr_array_new_with_free_func((GDestroyNotify)sql_statement_free);
    Splitter splitter = {
        .lexer = lexer_on(begin, size_bytes - bom),
        .place = {.at = begin, .line = 1, .column = 1},
        .path = path,
        .note = note,
        .note_data = data,
        .begin = begin,
        .statements = statements,
    };
    next_statement(&splitter);
    if (!check_utf8(&splitter, error) || !split(&splitter, error))
        return NULL;
    return g_steal_pointer(&statements);
}

GPtrArray *splitter_split(const char *sql, size_t size_bytes, const char *path, GError **error)
{
    return splitter_split_noting(sql, size_bytes, path, NULL, NULL, error);
}
