#include "migration/reach.h"

#include <glib.h>
#include <string.h>

/* Behind the word DATABASE. What is no name (%I of format()) is made at run time, and the server's
 * catalogs are compared for that. */
static StatementClass database_named(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    const Token token = clause_next(lexer);
    if (token.kind != TOKEN_WORD && token.kind != TOKEN_QUOTED)
        return STATEMENT_OTHER;
    g_autofree char *name = token_name(&token);
    const bool own = name != NULL && g_strcmp0(name, context->database) == 0;
    return clause_decide(context, own ? STATEMENT_OWN_DATABASE : STATEMENT_CLUSTER, verb,
                         "DATABASE");
}

/* ALTER ROLE r IN DATABASE d SET ... */
static StatementClass role_named(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    clause_next(lexer);
    if (clause_take(lexer, "in") && clause_take(lexer, "database"))
        return database_named(lexer, context, "ALTER ROLE IN");
    return clause_decide(context, STATEMENT_CLUSTER, verb, "ROLE");
}

/* Behind CREATE, ALTER, DROP. */
static StatementClass shared_object(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    if (clause_take(lexer, "database")) {
        if (strcmp(verb, "CREATE") == 0)
            return clause_decide(context, STATEMENT_CLUSTER, verb, "DATABASE");
        if (clause_take(lexer, "if"))
            clause_take(lexer, "exists");
        return database_named(lexer, context, verb);
    }
    if (clause_take(lexer, "user"))
        return clause_take(lexer, "mapping") ? STATEMENT_OTHER : role_named(lexer, context, verb);
    if (clause_take(lexer, "role") || clause_take(lexer, "group"))
        return role_named(lexer, context, verb);
    if (clause_take(lexer, "tablespace"))
        return clause_decide(context, STATEMENT_CLUSTER, verb, "TABLESPACE");
    if (clause_take(lexer, "subscription"))
        return clause_decide(context, STATEMENT_CLUSTER, verb, "SUBSCRIPTION");
    return STATEMENT_OTHER;
}

StatementClass reach_create(Lexer *lexer, const ClauseContext *context)
{
    clause_take(lexer, "unique");
    if (clause_take(lexer, "index"))
        return clause_take(lexer, "concurrently") ? clause_decide(context, STATEMENT_NO_TRANSACTION,
                                                                  "CREATE INDEX", "CONCURRENTLY")
                                                  : STATEMENT_OTHER;
    return shared_object(lexer, context, "CREATE");
}

StatementClass reach_alter(Lexer *lexer, const ClauseContext *context)
{
    if (clause_take(lexer, "system"))
        return clause_decide(context, STATEMENT_CLUSTER, "ALTER", "SYSTEM");
    if (!clause_take(lexer, "table"))
        return shared_object(lexer, context, "ALTER");
    bool detach = false;
    for (Token token = clause_next(lexer); token.kind != TOKEN_END; token = clause_next(lexer)) {
        if (token_is(&token, "detach"))
            detach = true;
        else if (detach && token_is(&token, "concurrently"))
            return clause_decide(context, STATEMENT_NO_TRANSACTION, "DETACH PARTITION",
                                 "CONCURRENTLY");
    }
    return STATEMENT_OTHER;
}

StatementClass reach_drop(Lexer *lexer, const ClauseContext *context)
{
    if (clause_take(lexer, "owned"))
        return clause_decide(context, STATEMENT_CLUSTER, "DROP", "OWNED");
    if (clause_take(lexer, "index"))
        return clause_take(lexer, "concurrently")
                   ? clause_decide(context, STATEMENT_NO_TRANSACTION, "DROP INDEX", "CONCURRENTLY")
                   : STATEMENT_OTHER;
    return shared_object(lexer, context, "DROP");
}

StatementClass reach_reassign(Lexer *lexer, const ClauseContext *context)
{
    return clause_take(lexer, "owned")
               ? clause_decide(context, STATEMENT_CLUSTER, "REASSIGN", "OWNED")
               : STATEMENT_OTHER;
}

/* GRANT ... ON DATABASE a, b: its own among them is the one to talk about. */
static StatementClass databases_listed(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    StatementClass kind = STATEMENT_OTHER;
    ClauseContext silent = *context;
    silent.words = NULL;
    do {
        const StatementClass one = database_named(lexer, &silent, verb);
        if (one == STATEMENT_OWN_DATABASE || kind == STATEMENT_OTHER)
            kind = one;
    } while (clause_take_symbol(lexer, ','));
    return kind == STATEMENT_OTHER ? kind : clause_decide(context, kind, verb, "DATABASE");
}

/* Privileges are granted ON something; roles are granted without. */
static StatementClass privileges(Lexer *lexer, const ClauseContext *context, const char *verb,
                                 const char *role_end)
{
    Token token = clause_next_outside(lexer);
    while (token.kind != TOKEN_END && !token_is(&token, "on")) {
        if (token_is(&token, role_end))
            return clause_decide(context, STATEMENT_CLUSTER, verb, "of a role");
        token = clause_next_outside(lexer);
    }
    g_autofree char *verb_on = g_strconcat(verb, " ON", NULL);
    if (clause_take(lexer, "database"))
        return databases_listed(lexer, context, verb_on);
    if (clause_take(lexer, "tablespace"))
        return clause_decide(context, STATEMENT_CLUSTER, verb_on, "TABLESPACE");
    if (clause_take(lexer, "parameter"))
        return clause_decide(context, STATEMENT_CLUSTER, verb_on, "PARAMETER");
    return STATEMENT_OTHER;
}

StatementClass reach_grant(Lexer *lexer, const ClauseContext *context)
{
    return privileges(lexer, context, "GRANT", "to");
}

StatementClass reach_revoke(Lexer *lexer, const ClauseContext *context)
{
    return privileges(lexer, context, "REVOKE", "from");
}

static StatementClass described(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    if (!clause_take(lexer, "on"))
        return STATEMENT_OTHER;
    if (clause_take(lexer, "database"))
        return database_named(lexer, context, verb);
    if (clause_take(lexer, "role"))
        return clause_decide(context, STATEMENT_CLUSTER, verb, "ROLE");
    if (clause_take(lexer, "tablespace"))
        return clause_decide(context, STATEMENT_CLUSTER, verb, "TABLESPACE");
    return STATEMENT_OTHER;
}

StatementClass reach_comment(Lexer *lexer, const ClauseContext *context)
{
    return described(lexer, context, "COMMENT ON");
}

StatementClass reach_security(Lexer *lexer, const ClauseContext *context)
{
    if (!clause_take(lexer, "label"))
        return STATEMENT_OTHER;
    if (clause_take(lexer, "for"))
        clause_next(lexer);
    Lexer ahead = *lexer;
    if (clause_take(&ahead, "on") && clause_take(&ahead, "subscription"))
        return clause_decide(context, STATEMENT_CLUSTER, "SECURITY LABEL ON", "SUBSCRIPTION");
    return described(lexer, context, "SECURITY LABEL ON");
}

/* A program or file of the server's machine is outside the database; reading a file changes
 * nothing. */
StatementClass reach_copy(Lexer *lexer, const ClauseContext *context)
{
    Token token = clause_next_outside(lexer);
    while (token.kind != TOKEN_END && !token_is(&token, "from") && !token_is(&token, "to"))
        token = clause_next_outside(lexer);
    const bool to = token_is(&token, "to");
    if (token.kind != TOKEN_END && clause_take(lexer, "program"))
        return clause_decide(context, STATEMENT_CLUSTER, to ? "COPY TO" : "COPY FROM", "PROGRAM");
    const Token target = clause_next(lexer);
    if (to && (target.kind == TOKEN_STRING || target.kind == TOKEN_DOLLAR))
        return clause_decide(context, STATEMENT_CLUSTER, "COPY TO", "a file of the server");
    return STATEMENT_OTHER;
}

/* Writing to a catalog that all databases share, as a superuser can. */
static StatementClass write_rows(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    static const char *const shared[] = {
        "pg_authid",     "pg_auth_members",  "pg_database",      "pg_db_role_setting",
        "pg_tablespace", "pg_subscription",  "pg_parameter_acl", "pg_replication_origin",
        "pg_shdepend",   "pg_shdescription", "pg_shseclabel",    NULL};
    clause_take(lexer, "only");
    if (clause_take(lexer, "pg_catalog"))
        clause_take_symbol(lexer, '.');
    const Token token = clause_next(lexer);
    g_autofree char *name = token_name(&token);
    if (name == NULL || !g_strv_contains(shared, name))
        return STATEMENT_OTHER;
    return clause_decide(context, STATEMENT_CLUSTER, verb, name);
}

StatementClass reach_insert(Lexer *lexer, const ClauseContext *context)
{
    return clause_take(lexer, "into") ? write_rows(lexer, context, "INSERT INTO") : STATEMENT_OTHER;
}

StatementClass reach_update(Lexer *lexer, const ClauseContext *context)
{
    return write_rows(lexer, context, "UPDATE");
}

StatementClass reach_delete(Lexer *lexer, const ClauseContext *context)
{
    return clause_take(lexer, "from") ? write_rows(lexer, context, "DELETE FROM") : STATEMENT_OTHER;
}
