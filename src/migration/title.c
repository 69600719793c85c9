#include "migration/statement.h"

#include "base/text.h"
#include "migration/lexer.h"
#include <glib.h>

/* A title is one cell of a table and one end of a progress line. */
#define TITLE_BYTES 80

/* Words that come before the name of what a statement is about. */
static const char *const before_name[] = {
    "access",     "add",          "aggregate",    "all",
    "as",         "cast",         "class",        "collation",
    "column",     "comment",      "concurrently", "configuration",
    "constraint", "conversion",   "copy",         "cube",
    "data",       "database",     "default",      "delete",
    "dictionary", "domain",       "event",        "exists",
    "extension",  "family",       "foreign",      "from",
    "function",   "global",       "group",        "if",
    "in",         "index",        "insert",       "into",
    "language",   "large",        "local",        "lock",
    "mapping",    "materialized", "method",       "not",
    "object",     "on",           "only",         "operator",
    "or",         "parser",       "policy",       "procedural",
    "procedure",  "publication",  "recursive",    "refresh",
    "reindex",    "replace",      "role",         "routine",
    "rule",       "schema",       "search",       "sequence",
    "server",     "statistics",   "subscription", "system",
    "table",      "tablespace",   "temp",         "template",
    "temporary",  "text",         "transform",    "trigger",
    "trusted",    "type",         "unique",       "unlogged",
    "update",     "user",         "view",         "wrapper",
    NULL};

/* Statements that are about one named thing; of the others the first word says enough. */
static const char *const about_a_name[] = {
    "alter", "cluster", "comment", "copy",     "create", "delete",  "drop",   "insert", "lock",
    "merge", "refresh", "reindex", "truncate", "update", "analyze", "vacuum", NULL};

static bool is_one_of(const Token *token, const char *const *words)
{
    for (; *words != NULL; words++)
        if (token_is(token, *words))
            return true;
    return false;
}

static void append_word(GString *title, const Token *token, bool keyword)
{
    if (title->len > 0 && title->str[title->len - 1] != '.')
        g_string_append_c(title, ' ');
    g_autofree char *text = keyword ? g_ascii_strup(token->start, (gssize)token->size)
                                    : g_strndup(token->start, token->size);
    g_string_append(title, text);
}

/* "a", "a.b", "a.b.c" */
static void append_name(GString *title, Token token, Lexer lexer)
{
    for (;;) {
        if (token.open || (token.kind != TOKEN_WORD && token.kind != TOKEN_QUOTED))
            return;
        append_word(title, &token, false);
        const Token dot = lexer_next(&lexer);
        if (!token_is_symbol(&dot, '.'))
            return;
        g_string_append_c(title, '.');
        token = lexer_next(&lexer);
    }
}

char *statement_title(const SqlStatement *statement)
{
    g_autoptr(GString) title = g_string_new(NULL);
    Lexer lexer = lexer_on(statement->text, statement->size_bytes);
    Token token = lexer_next(&lexer);
    if (token.kind != TOKEN_WORD)
        return g_strdup("statement");
    append_word(title, &token, true);
    if (is_one_of(&token, about_a_name)) {
        token = lexer_next(&lexer);
        while (is_one_of(&token, before_name) && title->len < TITLE_BYTES) {
            append_word(title, &token, true);
            token = lexer_next(&lexer);
        }
        append_name(title, token, lexer);
    }
    g_autofree char *printable = text_printable(title->str);
    return text_shorten(printable, TITLE_BYTES);
}
