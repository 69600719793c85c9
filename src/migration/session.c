#include "migration/session.h"

#include <glib.h>

typedef struct {
    const char *name;
    bool local_allowed;
} Setting;

/* What the runner pins, and what would change the meaning of all that follows. */
static const Setting settings[] = {
    {"TimeZone", false},
    {"DateStyle", false},
    {"IntervalStyle", false},
    {"standard_conforming_strings", false},
    {"lock_timeout", true},
    {"statement_timeout", true},
    {"idle_in_transaction_session_timeout", false},
    {"idle_session_timeout", false},
    {"transaction_timeout", false},
    {"client_connection_check_interval", false},
    {"application_name", false},
    {"search_path", true},
    {"client_encoding", false},
    {"session_replication_role", true},
    {"role", false},
    {"session_authorization", false},
};

/* Names of settings are compared without case, also between double quotes. */
static StatementClass setting(const ClauseContext *context, const char *verb, const char *name,
                              bool local)
{
    for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
        if (g_ascii_strcasecmp(name, settings[i].name) == 0 &&
            !(local && settings[i].local_allowed))
            return clause_decide(context, STATEMENT_SESSION, verb, settings[i].name);
    return STATEMENT_OTHER;
}

/* Whether this is client_encoding set to what it is; pg_dump writes that into every script. */
static bool is_utf8(const char *name, Lexer lexer)
{
    if (g_ascii_strcasecmp(name, "client_encoding") != 0)
        return false;
    if (!clause_take(&lexer, "to"))
        clause_take_symbol(&lexer, '=');
    const Token token = clause_next(&lexer);
    g_autofree char *value = token.kind == TOKEN_STRING ? token_value(&token) : token_name(&token);
    return value != NULL &&
           (g_ascii_strcasecmp(value, "utf8") == 0 || g_ascii_strcasecmp(value, "utf-8") == 0 ||
            g_ascii_strcasecmp(value, "unicode") == 0);
}

/* Behind SET [SESSION | LOCAL] or RESET. */
static StatementClass set_what(Lexer *lexer, const ClauseContext *context, const char *verb,
                               bool local)
{
    if (clause_take(lexer, "time"))
        return clause_take(lexer, "zone") ? setting(context, verb, "TimeZone", local)
                                          : STATEMENT_OTHER;
    if (clause_take(lexer, "schema"))
        return setting(context, verb, "search_path", local);
    if (clause_take(lexer, "names"))
        return is_utf8("client_encoding", *lexer)
                   ? STATEMENT_OTHER
                   : setting(context, verb, "client_encoding", local);
    if (clause_take(lexer, "transaction"))
        return clause_decide(context, STATEMENT_TRANSACTION_CONTROL, verb, "TRANSACTION");
    if (clause_take(lexer, "session"))
        return clause_take(lexer, "authorization")
                   ? clause_decide(context, STATEMENT_SESSION, verb, "SESSION AUTHORIZATION")
                   : STATEMENT_OTHER;
    const Token token = clause_next(lexer);
    g_autofree char *name = token_name(&token);
    if (name == NULL || clause_take_symbol(lexer, '.') || is_utf8(name, *lexer))
        return STATEMENT_OTHER;
    return setting(context, verb, name, local);
}

StatementClass session_set(Lexer *lexer, const ClauseContext *context)
{
    if (clause_take(lexer, "local"))
        return set_what(lexer, context, "SET LOCAL", true);
    Lexer ahead = *lexer;
    if (!clause_take(&ahead, "session"))
        return set_what(lexer, context, "SET", false);
    if (clause_take(&ahead, "characteristics"))
        return clause_decide(context, STATEMENT_SESSION, "SET", "SESSION CHARACTERISTICS");
    if (clause_take(&ahead, "authorization"))
        return clause_decide(context, STATEMENT_SESSION, "SET", "SESSION AUTHORIZATION");
    return set_what(&ahead, context, "SET", false);
}

StatementClass session_reset(Lexer *lexer, const ClauseContext *context)
{
    if (clause_take(lexer, "all"))
        return clause_decide(context, STATEMENT_SESSION, "RESET", "ALL");
    return set_what(lexer, context, "RESET", false);
}

StatementClass session_discard(Lexer *lexer, const ClauseContext *context)
{
    static const char *const words[] = {"all", "plans", "sequences", "temp", "temporary"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (clause_take(lexer, words[i]))
            return clause_decide(context, STATEMENT_SESSION, "DISCARD", "");
    return STATEMENT_OTHER;
}

/* Behind set_config: ('name', value, is_local). What is not plainly true is taken for false. */
StatementClass session_set_config(Lexer lexer, const ClauseContext *context)
{
    if (!clause_take_symbol(&lexer, '('))
        return STATEMENT_OTHER;
    const Token token = clause_next(&lexer);
    g_autofree char *name = token_value(&token);
    if (name == NULL)
        return STATEMENT_OTHER;
    int commas = 0;
    Token last = clause_next_outside(&lexer);
    while (last.kind != TOKEN_END && commas < 2 && !token_is_symbol(&last, ')')) {
        if (token_is_symbol(&last, ','))
            commas++;
        last = clause_next_outside(&lexer);
    }
    return setting(context, "set_config of", name, commas == 2 && token_is(&last, "true"));
}
