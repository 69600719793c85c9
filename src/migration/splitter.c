#include "migration/splitter.h"

#include "base/error.h"
#include "migration/lexer.h"
#include <string.h>

#define DATA_BYTES ((size_t)128 * 1024)

/* A character of the file, by line and column from 1. Line ends are LF, CR LF and CR. */
typedef struct {
    const char *at;
    int64_t line;
    int column;
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

struct SqlSplitter {
    Lexer lexer;
    Place place;
    char *path;
    SplitterNote note;
    gpointer note_data;
    SplitterCommand command; /* NULL: only \restrict and \unrestrict, which are passed over */
    gpointer command_data;
    const char *begin; /* of the file, behind the BOM */
    unsigned statements;
    SqlView view; /* the statement that is complete */
    bool found;
    bool in_data, at_line; /* data are being given; their next byte begins a line */

    Token first, last; /* of the current statement; last.kind is TOKEN_END between statements */
    int64_t line;      /* of first */
    int column;
    size_t parens;
    Token paren; /* the outermost open one */
    Body body;
    CopyState copy;
};

typedef SqlSplitter Splitter;

void sql_statement_free(SqlStatement *statement)
{
    if (statement == NULL)
        return;
    g_free(statement->text);
    g_free(statement->copy_data);
    g_free(statement);
}

static void place_step(Place *place, const char *to)
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

/* Whole lines are passed over quickly: there may be gigabytes of data. */
static void place_advance(Place *place, const char *to)
{
    const char *feed = NULL;
    if (to <= place->at || memchr(place->at, '\r', (size_t)(to - place->at)) != NULL) {
        place_step(place, to);
        return;
    }
    if (place->column == 0)
        place_step(place, place->at + 1);
    while (place->at < to && (feed = memchr(place->at, '\n', (size_t)(to - place->at))) != NULL) {
        place->at = feed + 1;
        place->line++;
        place->column = 1;
    }
    place_step(place, to);
}

/* Column 0 means "behind a CR, an LF may follow". */
static int place_column(const Place *place)
{
    return MAX(place->column, 1);
}

static char *place_of(const Splitter *splitter, const char *at)
{
    Place place = {.at = splitter->begin, .line = 1, .column = 1};
    place_advance(&place, at);
    return g_strdup_printf("%s:%" G_GINT64_FORMAT ":%d", splitter->path, place.line,
                           place_column(&place));
}

static void error_at(const Splitter *splitter, const char *at, GError **error, const char *message)
{
    g_autofree char *where = place_of(splitter, at);
    error_set(error, ERROR_CONFIG, "%s: %s", where, message);
}

void splitter_locate(const SqlStatement *statement, int position, int *line, int *column)
{
    Place place = {.at = statement->text, .line = statement->line, .column = statement->column};
    const char *to = statement->text;
    const char *end = statement->text + statement->size_bytes;
    for (int i = 1; i < position && to < end; i++)
        to = g_utf8_next_char(to);
    place_advance(&place, MIN(to, end));
    *line = (int)place.line;
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

/* Whether \. stands alone on the line that begins here; *next is behind it. */
static bool is_end_mark(const Lexer *lexer, const char *line, const char **next)
{
    const char *at = line + 2;
    if (lexer->end - line < 2 || memcmp(line, "\\.", 2) != 0)
        return false;
    if (at < lexer->end && *at == '\r')
        at++;
    *next = MIN(at + 1, lexer->end);
    return at == lexer->end || *at == '\n';
}

/* The lines from here on, up to the end mark or as many as are given at once; a line may be larger
 * than that. */
static const char *data_end(Splitter *splitter, const char *data)
{
    const Lexer *lexer = &splitter->lexer;
    const char *limit = (size_t)(lexer->end - data) > DATA_BYTES ? data + DATA_BYTES : lexer->end;
    const char *next = NULL;
    for (const char *at = data; at < limit;) {
        const char *feed = NULL;
        if (splitter->at_line && is_end_mark(lexer, at, &next))
            return at;
        feed = memchr(at, '\n', (size_t)(limit - at));
        splitter->at_line = feed != NULL;
        at = feed != NULL ? feed + 1 : limit;
    }
    return limit;
}

/* The data are the lines up to \. alone on a line, byte for byte. */
bool splitter_data(SqlSplitter *splitter, const char **data, size_t *size_bytes, GError **error)
{
    Lexer *lexer = &splitter->lexer;
    const char *next = NULL;
    *data = lexer->at;
    *size_bytes = 0;
    if (!splitter->in_data)
        return true;
    if (splitter->at_line && is_end_mark(lexer, lexer->at, &next)) {
        splitter->in_data = false;
        lexer->at = next;
    } else if (lexer->at == lexer->end) {
        error_at(splitter, splitter->view.text, error,
                 "the data of COPY ... FROM stdin do not end: no line '\\.' follows");
        return false;
    } else {
        lexer->at = data_end(splitter, lexer->at);
        *size_bytes = (size_t)(lexer->at - *data);
    }
    /* Now, while the bytes are at hand: they may be far away when the next statement begins. */
    place_advance(&splitter->place, lexer->at);
    return true;
}

static bool statement_end(Splitter *splitter, GError **error)
{
    if (splitter->last.kind != TOKEN_END) {
        splitter->view = (SqlView){
            .text = splitter->first.start,
            .size_bytes =
                (size_t)(splitter->last.start + splitter->last.size - splitter->first.start),
            .line = splitter->line,
            .column = splitter->column,
            .has_data = splitter->copy == COPY_STDIN,
        };
        splitter->found = true;
        splitter->statements++;
        splitter->in_data = splitter->at_line = splitter->view.has_data;
        if (splitter->in_data && !copy_rest_of_line(splitter, error))
            return false;
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

static bool run_command(Splitter *splitter, const Token *token, const char *name, GError **error)
{
    Lexer *lexer = &splitter->lexer;
    const char *rest = lexer->at + strlen(name);
    g_autoptr(GError) cause = NULL;
    while (lexer->at < lexer->end && *lexer->at != '\n' && *lexer->at != '\r')
        lexer->at++;
    if (splitter->command == NULL)
        return true;
    g_autofree char *words = g_strndup(rest, (size_t)(lexer->at - rest));
    if (splitter->command(name, g_strstrip(words), splitter->command_data, &cause))
        return true;
    g_autofree char *where = place_of(splitter, token->start);
    g_prefix_error(&cause, "%s: ", where);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool is_known_command(const Splitter *splitter, const char *command)
{
    static const char *const others[] = {"connect", "c", "encoding"};
    if (strcmp(command, "restrict") == 0 || strcmp(command, "unrestrict") == 0)
        return true;
    for (size_t i = 0; splitter->command != NULL && i < G_N_ELEMENTS(others); i++)
        if (strcmp(command, others[i]) == 0)
            return true;
    return false;
}

static bool backslash(Splitter *splitter, const Token *token, GError **error)
{
    g_autofree char *command = backslash_command(&splitter->lexer);
    const bool known = is_known_command(splitter, command);
    if (known && splitter->last.kind == TOKEN_END)
        return run_command(splitter, token, command, error);
    g_autofree char *message = NULL;
    if (*command == '\0')
        message = g_strdup("backslash outside quotes");
    else if (known)
        message = g_strdup_printf("'\\%s' stands inside a statement", command);
    else if (strcmp(command, ".") == 0)
        message = g_strdup("'\\.' ends the data of COPY ... FROM stdin, and there are none here");
    else
        message = g_strdup_printf("'\\%s' is a command of psql, not SQL", command);
    error_at(splitter, token->start, error, message);
    if (splitter->command == NULL)
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
        .line = (int)splitter->place.line,
        .column = place_column(&splitter->place),
        .leading = splitter->statements == 0 && splitter->last.kind == TOKEN_END,
        .between = splitter->last.kind == TOKEN_END,
        .alone = begins_line(splitter, token->start),
        .statements = splitter->statements,
    };
    return splitter->note(&seen, splitter->note_data, error);
}

/* Up to the end of a statement, or of the file. */
static bool read_statement(Splitter *splitter, GError **error)
{
    while (!splitter->found) {
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
    return true;
}

bool splitter_next(SqlSplitter *splitter, SqlView *view, bool *found, GError **error)
{
    const char *data = NULL;
    for (size_t size = 1; splitter->in_data && size > 0;)
        if (!splitter_data(splitter, &data, &size, error))
            return false;
    splitter->found = false;
    if (!read_statement(splitter, error))
        return false;
    *found = splitter->found;
    *view = splitter->view;
    return true;
}

const char *splitter_at(const SqlSplitter *splitter)
{
    return splitter->lexer.at;
}

char *splitter_place(const SqlSplitter *splitter, const SqlView *view, size_t offset_bytes)
{
    Place place = {.at = view->text, .line = view->line, .column = view->column};
    place_advance(&place, view->text + MIN(offset_bytes, view->size_bytes));
    return g_strdup_printf("%s:%" G_GINT64_FORMAT ":%d", splitter->path, place.line,
                           place_column(&place));
}

SqlSplitter *splitter_open(const char *sql, size_t size_bytes, const char *path,
                           SplitterCommand command, gpointer data)
{
    const size_t bom = size_bytes >= 3 && memcmp(sql, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    SqlSplitter *splitter = g_new0(SqlSplitter, 1);
    splitter->begin = sql + bom;
    splitter->lexer = lexer_on(splitter->begin, size_bytes - bom);
    splitter->place = (Place){.at = splitter->begin, .line = 1, .column = 1};
    splitter->path = g_strdup(path);
    splitter->command = command;
    splitter->command_data = data;
    next_statement(splitter);
    return splitter;
}

void splitter_close(SqlSplitter *splitter)
{
    if (splitter == NULL)
        return;
    g_free(splitter->path);
    g_free(splitter);
}

/* ---- all of a file at once ---- */

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

static SqlStatement *statement_new(const SqlView *view)
{
    SqlStatement *statement = g_new0(SqlStatement, 1);
    statement->size_bytes = view->size_bytes;
    statement->text = g_strndup(view->text, view->size_bytes);
    statement->line = (int)view->line;
    statement->column = view->column;
    return statement;
}

static bool take_data(Splitter *splitter, SqlStatement *statement, GError **error)
{
    const char *begin = splitter->lexer.at;
    const char *data = NULL;
    for (size_t size = 1; size > 0; statement->copy_bytes += size)
        if (!splitter_data(splitter, &data, &size, error))
            return false;
    statement->copy_data = g_strndup(begin, statement->copy_bytes);
    return true;
}

static bool split(Splitter *splitter, GPtrArray *statements, GError **error)
{
    for (;;) {
        SqlView view;
        bool found = false;
        if (!splitter_next(splitter, &view, &found, error))
            return false;
        if (!found)
            return true;
        g_autoptr(SqlStatement) statement = statement_new(&view);
        if (view.has_data && !take_data(splitter, statement, error))
            return false;
        g_ptr_array_add(statements, g_steal_pointer(&statement));
    }
}

GPtrArray *splitter_split_noting(const char *sql, size_t size_bytes, const char *path,
                                 SplitterNote note, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) statements =
        g_ptr_array_new_with_free_func((GDestroyNotify)sql_statement_free);
    g_autoptr(SqlSplitter) splitter = splitter_open(sql, size_bytes, path, NULL, NULL);
    splitter->note = note;
    splitter->note_data = data;
    if (!check_utf8(splitter, error) || !split(splitter, statements, error))
        return NULL;
    return g_steal_pointer(&statements);
}

GPtrArray *splitter_split(const char *sql, size_t size_bytes, const char *path, GError **error)
{
    return splitter_split_noting(sql, size_bytes, path, NULL, NULL, error);
}
