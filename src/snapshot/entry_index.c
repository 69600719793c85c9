/* ALTER TABLE ... ADD CONSTRAINT ... UNIQUE builds an index under a lock that keeps everything else
 * off the table; CREATE UNIQUE INDEX builds the same one beside others, and ADD CONSTRAINT ...
 * USING INDEX then makes a constraint of it in no time. */
#include "migration/lexer.h"
#include "snapshot/entry_sql.h"
#include <string.h>

typedef struct {
    const char *start, *end;
} Piece;

typedef struct {
    Lexer lexer;
    Token token;     /* the next one */
    const char *end; /* of the one before */
} Reading;

static void advance(Reading *reading)
{
    reading->end = reading->token.start + reading->token.size;
    reading->token = lexer_next(&reading->lexer);
}

static bool take_word(Reading *reading, const char *word)
{
    const bool is = token_is(&reading->token, word);
    if (is)
        advance(reading);
    return is;
}

static bool take_symbol(Reading *reading, char symbol)
{
    const bool is = token_is_symbol(&reading->token, symbol);
    if (is)
        advance(reading);
    return is;
}

static bool take_name(Reading *reading)
{
    const bool is = reading->token.kind == TOKEN_WORD || reading->token.kind == TOKEN_QUOTED;
    if (is)
        advance(reading);
    return is;
}

/* Names with a separator between them. */
static bool take_names(Reading *reading, char separator, Piece *piece)
{
    piece->start = reading->token.start;
    do {
        if (!take_name(reading))
            return false;
    } while (take_symbol(reading, separator));
    piece->end = reading->end;
    return true;
}

static bool take_kind(Reading *reading, const char **kind)
{
    *kind = token_is(&reading->token, "unique") ? "UNIQUE" : "PRIMARY KEY";
    return take_word(reading, "unique") ||
           (take_word(reading, "primary") && take_word(reading, "key"));
}

bool entry_sql_build_index_first(EntrySql *entry)
{
    Reading reading = {.lexer = lexer_on(entry->sql, strlen(entry->sql))};
    Piece table, name, columns;
    const char *kind = NULL;
    reading.token = lexer_next(&reading.lexer);
    if (entry->index_sql != NULL || entry->statements != 1 || !take_word(&reading, "alter") ||
        !take_word(&reading, "table") || !take_word(&reading, "only") ||
        !take_names(&reading, '.', &table) || !take_word(&reading, "add") ||
        !take_word(&reading, "constraint") || !take_names(&reading, '.', &name) ||
        !take_kind(&reading, &kind) || !take_symbol(&reading, '(') ||
        !take_names(&reading, ',', &columns) || !take_symbol(&reading, ')') ||
        !take_symbol(&reading, ';') || reading.token.kind != TOKEN_END)
        return false;
    entry->index_sql =
        g_strdup_printf("CREATE UNIQUE INDEX %.*s ON %.*s USING btree (%.*s);\n",
                        (int)(name.end - name.start), name.start, (int)(table.end - table.start),
                        table.start, (int)(columns.end - columns.start), columns.start);
    char *sql =
        g_strdup_printf("ALTER TABLE ONLY %.*s ADD CONSTRAINT %.*s %s USING INDEX %.*s;\n",
                        (int)(table.end - table.start), table.start, (int)(name.end - name.start),
                        name.start, kind, (int)(name.end - name.start), name.start);
    g_free(entry->sql);
    entry->sql = sql;
    return true;
}
