#include "migration/statement.h"

#include "migration/clause.h"
#include "migration/reach.h"
#include "migration/session.h"
#include <glib.h>
#include <string.h>

/* EXECUTE of a constant inside EXECUTE of a constant ...: deeper is nobody's migration. */
#define MAX_DEPTH 8

static StatementClass scan(Lexer lexer, ClauseContext context);

/* ---- transactions ---- */

static StatementClass transaction(const ClauseContext *context, const char *verb,
                                  const char *object)
{
    return clause_decide(context, STATEMENT_TRANSACTION_CONTROL, verb, object);
}

static StatementClass begin(Lexer *lexer, const ClauseContext *context)
{
    (void)lexer;
    return context->body ? STATEMENT_OTHER : transaction(context, "BEGIN", "");
}

static StatementClass end(Lexer *lexer, const ClauseContext *context)
{
    (void)lexer;
    return context->body ? STATEMENT_OTHER : transaction(context, "END", "");
}

static StatementClass abort_(Lexer *lexer, const ClauseContext *context)
{
    (void)lexer;
    return transaction(context, "ABORT", "");
}

static StatementClass start(Lexer *lexer, const ClauseContext *context)
{
    return clause_take(lexer, "transaction") ? transaction(context, "START", "TRANSACTION")
                                             : STATEMENT_OTHER;
}

static void take_work(Lexer *lexer)
{
    if (!clause_take(lexer, "work"))
        clause_take(lexer, "transaction");
}

/* In a body, a column of that name behind THEN or ELSE is not meant. */
static StatementClass finish(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    if (clause_take(lexer, "prepared"))
        return transaction(context, verb, "PREPARED");
    take_work(lexer);
    if (!context->body)
        return transaction(context, verb, "");
    return clause_at_end(*lexer) || clause_take(lexer, "and")
               ? clause_decide(context, STATEMENT_COMMITS_INSIDE, verb, "")
               : STATEMENT_OTHER;
}

static StatementClass commit(Lexer *lexer, const ClauseContext *context)
{
    return finish(lexer, context, "COMMIT");
}

static StatementClass rollback(Lexer *lexer, const ClauseContext *context)
{
    Lexer ahead = *lexer;
    take_work(&ahead);
    return clause_take(&ahead, "to") ? STATEMENT_OTHER : finish(lexer, context, "ROLLBACK");
}

static StatementClass prepare(Lexer *lexer, const ClauseContext *context)
{
    return clause_take(lexer, "transaction") ? transaction(context, "PREPARE", "TRANSACTION")
                                             : STATEMENT_OTHER;
}

/* ---- cannot run in a transaction ---- */

static StatementClass vacuum(Lexer *lexer, const ClauseContext *context)
{
    (void)lexer;
    return clause_decide(context, STATEMENT_NO_TRANSACTION, "VACUUM", "");
}

/* Passes (option, ...); true if CONCURRENTLY is among the options and is not switched off. */
static bool take_options(Lexer *lexer)
{
    bool concurrently = false;
    if (!clause_take_symbol(lexer, '('))
        return false;
    for (Token token = clause_next(lexer); token.kind != TOKEN_END && !token_is_symbol(&token, ')');
         token = clause_next(lexer))
        if (token_is(&token, "concurrently"))
            concurrently = !clause_take(lexer, "false") && !clause_take(lexer, "off");
    return concurrently;
}

static StatementClass reindex(Lexer *lexer, const ClauseContext *context)
{
    bool concurrently = take_options(lexer);
    const Token what = clause_next(lexer);
    concurrently = clause_take(lexer, "concurrently") || concurrently;
    if (token_is(&what, "schema"))
        return clause_decide(context, STATEMENT_NO_TRANSACTION, "REINDEX", "SCHEMA");
    if (token_is(&what, "database"))
        return clause_decide(context, STATEMENT_CLUSTER, "REINDEX", "DATABASE");
    if (token_is(&what, "system"))
        return clause_decide(context, STATEMENT_CLUSTER, "REINDEX", "SYSTEM");
    return concurrently
               ? clause_decide(context, STATEMENT_NO_TRANSACTION, "REINDEX", "CONCURRENTLY")
               : STATEMENT_OTHER;
}

/* CLUSTER and REPACK go through all tables, each in its own transaction, where none is named. */
static StatementClass rewrite(Lexer *lexer, const ClauseContext *context, const char *verb)
{
    if (take_options(lexer))
        return clause_decide(context, STATEMENT_NO_TRANSACTION, verb, "CONCURRENTLY");
    clause_take(lexer, "verbose");
    return clause_at_end(*lexer)
               ? clause_decide(context, STATEMENT_NO_TRANSACTION, verb, "without a table")
               : STATEMENT_OTHER;
}

static StatementClass cluster(Lexer *lexer, const ClauseContext *context)
{
    return rewrite(lexer, context, "CLUSTER");
}

static StatementClass repack(Lexer *lexer, const ClauseContext *context)
{
    return rewrite(lexer, context, "REPACK");
}

/* ---- bodies ---- */

static StatementClass scan_inside(const Token *token, const ClauseContext *context)
{
    ClauseContext inside = *context;
    inside.body = true;
    inside.depth++;
    g_autofree char *value = inside.depth < MAX_DEPTH ? token_value(token) : NULL;
    return value == NULL ? STATEMENT_OTHER : scan(lexer_on(value, strlen(value)), inside);
}

/* DO 'body' LANGUAGE x, in either order. */
static StatementClass do_body(Lexer *lexer, const ClauseContext *context)
{
    Token token = clause_next(lexer);
    while (token.kind != TOKEN_END && token.kind != TOKEN_STRING && token.kind != TOKEN_DOLLAR)
        token = clause_next(lexer);
    return scan_inside(&token, context);
}

/* Behind EXECUTE of PL/pgSQL: a constant, bare or as the pattern of format(). */
static StatementClass execute(Lexer lexer, const ClauseContext *context)
{
    clause_take(&lexer, "format");
    clause_take_symbol(&lexer, '(');
    const Token token = clause_next(&lexer);
    return scan_inside(&token, context);
}

/* ---- all together ---- */

typedef struct {
    const char *word;
    StatementClass (*classify)(Lexer *lexer, const ClauseContext *context);
} Verb;

static const Verb verbs[] = {
    {"create", reach_create},
    {"alter", reach_alter},
    {"drop", reach_drop},
    {"reassign", reach_reassign},
    {"grant", reach_grant},
    {"revoke", reach_revoke},
    {"comment", reach_comment},
    {"security", reach_security},
    {"copy", reach_copy},
    {"insert", reach_insert},
    {"update", reach_update},
    {"delete", reach_delete},
    {"begin", begin},
    {"end", end},
    {"abort", abort_},
    {"start", start},
    {"commit", commit},
    {"rollback", rollback},
    {"prepare", prepare},
    {"vacuum", vacuum},
    {"reindex", reindex},
    {"cluster", cluster},
    {"repack", repack},
    {"set", session_set},
    {"reset", session_reset},
    {"discard", session_discard},
    {"do", do_body},
};

/* lexer is behind the first word of a statement. */
static StatementClass classify_verb(const Token *word, Lexer lexer, const ClauseContext *context)
{
    Lexer ahead = lexer;
    const Token second = clause_next(&ahead);
    if (context->body && (token_is_symbol(&second, ':') || token_is_symbol(&second, '=') ||
                          token_is_symbol(&second, '.') || token_is_symbol(&second, '[')))
        return STATEMENT_OTHER; /* a variable of that name gets a value */
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (token_is(word, verbs[i].word))
            return verbs[i].classify(&lexer, context);
    return STATEMENT_OTHER;
}

/* Whether a statement of PL/pgSQL may begin behind token. */
static bool begins_statement(const Token *before, const Token *token)
{
    return token_is_symbol(token, ';') || token_is(token, "begin") || token_is(token, "then") ||
           token_is(token, "else") || token_is(token, "loop") ||
           (token_is_symbol(before, '>') && token_is_symbol(token, '>'));
}

/* What is allowed after all, so that something worse may stand behind it. */
static bool is_lesser(StatementClass kind)
{
    return kind == STATEMENT_OTHER || kind == STATEMENT_SESSION || kind == STATEMENT_COMMITS_INSIDE;
}

/* Keeps the first lesser finding with its words, and takes the words of later ones away. */
static void keep_lesser(StatementClass kind, const ClauseContext *context, StatementClass *lesser,
                        char **lesser_words)
{
    char *words = context->words != NULL ? g_steal_pointer(context->words) : NULL;
    if (*lesser == STATEMENT_OTHER) {
        *lesser = kind;
        *lesser_words = words;
    } else {
        g_free(words);
    }
}

static StatementClass scan(Lexer lexer, ClauseContext context)
{
    bool first = true;
    Token before = {.kind = TOKEN_END};
    StatementClass lesser = STATEMENT_OTHER;
    g_autofree char *lesser_words = NULL;
    for (;;) {
        const Token token = lexer_next(&lexer);
        StatementClass kind = STATEMENT_OTHER;
        if (token.kind == TOKEN_END || token.open) {
            if (lesser != STATEMENT_OTHER && context.words != NULL)
                *context.words = g_steal_pointer(&lesser_words);
            return lesser;
        }
        if (first && token.kind == TOKEN_WORD)
            kind = classify_verb(&token, lexer, &context);
        if (kind == STATEMENT_OTHER && token_is(&token, "set_config"))
            kind = session_set_config(lexer, &context);
        if (kind == STATEMENT_OTHER && context.body && token_is(&token, "execute"))
            kind = execute(lexer, &context);
        if (!is_lesser(kind))
            return kind;
        if (kind != STATEMENT_OTHER)
            keep_lesser(kind, &context, &lesser, &lesser_words);
        first = context.body && begins_statement(&before, &token);
        before = token;
    }
}

StatementClass statement_classify(const SqlStatement *statement, const char *database, char **words)
{
    if (words != NULL)
        *words = NULL;
    const ClauseContext context = {.database = database, .words = words};
    return scan(lexer_on(statement->text, statement->size_bytes), context);
}

bool statement_is_query(const SqlStatement *statement)
{
    static const char *const words[] = {"select", "with", "values", "table"};
    Lexer lexer = lexer_on(statement->text, statement->size_bytes);
    const Token first = lexer_next(&lexer);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (token_is(&first, words[i]))
            return true;
    return token_is_symbol(&first, '(');
}
