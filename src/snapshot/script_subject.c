#include "snapshot/script_subject.h"

#include "migration/lexer.h"
#include <string.h>

#define MAX_WORDS 6
#define REUSE "-reuse-previous=on "

/* The first tokens; what is not there is TOKEN_END. */
typedef struct {
    Token at[MAX_WORDS];
    Lexer behind;
} Words;

static Words words_of(const SqlView *view)
{
    Words words;
    words.behind = lexer_on(view->text, view->size_bytes);
    for (size_t i = 0; i < MAX_WORDS; i++)
        words.at[i] = lexer_next(&words.behind);
    return words;
}

static bool is_one_of(const Token *token, const char *const *list)
{
    for (; *list != NULL; list++)
        if (token_is(token, *list))
            return true;
    return false;
}

/* ALTER ROLE name IN DATABASE name SET ... */
static bool is_role_in_database(const Words *words, char **name)
{
    if (!token_is(&words->at[3], "in") || !token_is(&words->at[4], "database"))
        return false;
    *name = token_name(&words->at[5]);
    return true;
}

static ScriptSubject made_or_changed(const Words *words, char **name)
{
    static const char *const roles[] = {"role", "user", "group", NULL};
    static const char *const server[] = {"tablespace", "system", NULL};
    const Token *what = &words->at[1];
    if (token_is(what, "database")) {
        const bool if_exists = token_is(&words->at[2], "if") && token_is(&words->at[3], "exists");
        *name = token_name(&words->at[if_exists ? 4 : 2]);
        return SUBJECT_DATABASE;
    }
    if (is_one_of(what, roles) && !token_is(&words->at[2], "mapping"))
        return is_role_in_database(words, name) ? SUBJECT_DATABASE : SUBJECT_ROLE;
    return is_one_of(what, server) ? SUBJECT_SERVER : SUBJECT_INSIDE;
}

/* GRANT ... ON DATABASE name TO ...; without ON it is about roles. Rights have their columns in
 * parentheses. */
static ScriptSubject granted(const SqlView *view, char **name)
{
    Lexer lexer = lexer_on(view->text, view->size_bytes);
    size_t depth = 0;
    for (Token token = lexer_next(&lexer); token.kind != TOKEN_END; token = lexer_next(&lexer)) {
        if (token_is_symbol(&token, '('))
            depth++;
        else if (token_is_symbol(&token, ')') && depth > 0)
            depth--;
        if (depth > 0)
            continue;
        if (token_is(&token, "to") || token_is(&token, "from"))
            return SUBJECT_ROLE;
        if (!token_is(&token, "on"))
            continue;
        const Token what = lexer_next(&lexer);
        const Token which = lexer_next(&lexer);
        if (token_is(&what, "tablespace") || token_is(&what, "parameter"))
            return SUBJECT_SERVER;
        if (!token_is(&what, "database"))
            return SUBJECT_INSIDE;
        *name = token_name(&which);
        return SUBJECT_DATABASE;
    }
    return SUBJECT_INSIDE;
}

/* COMMENT ON DATABASE name, SECURITY LABEL [FOR provider] ON DATABASE name */
static ScriptSubject commented(const SqlView *view, char **name)
{
    static const char *const roles[] = {"role", NULL};
    static const char *const server[] = {"tablespace", NULL};
    Lexer lexer = lexer_on(view->text, view->size_bytes);
    Token token = lexer_next(&lexer);
    while (token.kind != TOKEN_END && !token_is(&token, "on"))
        token = lexer_next(&lexer);
    const Token what = lexer_next(&lexer);
    const Token which = lexer_next(&lexer);
    if (is_one_of(&what, roles))
        return SUBJECT_ROLE;
    if (is_one_of(&what, server))
        return SUBJECT_SERVER;
    if (!token_is(&what, "database"))
        return SUBJECT_INSIDE;
    *name = token_name(&which);
    return SUBJECT_DATABASE;
}

ScriptSubject script_subject(const SqlView *view, char **name)
{
    static const char *const making[] = {"create", "alter", "drop", NULL};
    const Words words = words_of(view);
    *name = NULL;
    if (is_one_of(&words.at[0], making))
        return made_or_changed(&words, name);
    if (token_is(&words.at[0], "grant") || token_is(&words.at[0], "revoke"))
        return granted(view, name);
    if (token_is(&words.at[0], "comment") ||
        (token_is(&words.at[0], "security") && token_is(&words.at[1], "label")))
        return commented(view, name);
    return SUBJECT_INSIDE;
}

bool script_creates_database(const SqlView *view)
{
    const Words words = words_of(view);
    return token_is(&words.at[0], "create") && token_is(&words.at[1], "database");
}

bool script_is_insert(const SqlView *view)
{
    Lexer lexer = lexer_on(view->text, view->size_bytes);
    const Token first = lexer_next(&lexer);
    return token_is(&first, "insert") && !view->has_data;
}

bool script_sets(const SqlView *view, const char *parameter)
{
    Lexer lexer = lexer_on(view->text, view->size_bytes);
    const Token first = lexer_next(&lexer);
    const Token second = lexer_next(&lexer);
    return token_is(&first, "set") && token_is(&second, parameter);
}

/* ---- \connect ---- */

/* dbname='it\'s', where pg_dump met a name that is not simple. */
static char *name_in_conninfo(const char *conninfo)
{
    GString *name = NULL;
    const char *at = conninfo;
    if (!g_str_has_prefix(conninfo, "dbname="))
        return NULL;
    at += strlen("dbname=");
    const bool quoted = *at == '\'';
    name = g_string_new(NULL);
    for (at += quoted ? 1 : 0; *at != '\0' && *at != (quoted ? '\'' : ' '); at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        g_string_append_c(name, *at);
    }
    const bool whole = quoted ? strcmp(at, "'") == 0 : *at == '\0';
    return g_string_free(name, !whole);
}

char *script_connect_name(const char *rest)
{
    const bool reuse = g_str_has_prefix(rest, REUSE);
    const char *argument = rest + (reuse ? strlen(REUSE) : 0);
    Lexer lexer = lexer_on(argument, strlen(argument));
    const Token token = lexer_next_any(&lexer);
    const Token next = lexer_next_any(&lexer);
    if (token.open || next.kind != TOKEN_END)
        return NULL;
    if (token.kind == TOKEN_WORD && !reuse)
        return g_strndup(token.start, token.size); /* psql does not fold it */
    if (token.kind != TOKEN_QUOTED || *token.start != '"')
        return NULL;
    g_autofree char *inner = g_strndup(token.start + 1, token.size - 2);
    g_auto(GStrv) parts = g_strsplit(inner, "\"\"", -1);
    g_autofree char *value = g_strjoinv("\"", parts);
    return reuse ? name_in_conninfo(value) : g_steal_pointer(&value);
}
