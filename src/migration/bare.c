#include "migration/bare.h"

#include "migration/clause.h"
#include <string.h>

void bare_clear(BareStatement *bare)
{
    g_clear_pointer(&bare->name, g_free);
    g_clear_pointer(&bare->table, g_free);
}

/* A name with its schema as it is written, which is what to_regclass() reads. NULL if there is
 * none. */
static char *take_reference(Lexer *lexer)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (;;) {
        const Token token = clause_next(lexer);
        if (token.kind != TOKEN_WORD && token.kind != TOKEN_QUOTED)
            return NULL;
        g_string_append_len(text, token.start, (gssize)token.size);
        if (!clause_take_symbol(lexer, '.'))
            return g_strdup(text->str);
        g_string_append_c(text, '.');
    }
}

static bool take_if(Lexer *lexer, bool not )
{
    if (!clause_take(lexer, "if"))
        return false;
    return (!not || clause_take(lexer, "not")) && clause_take(lexer, "exists");
}

static void create(Lexer lexer, BareStatement *out)
{
    clause_take(&lexer, "unique");
    if (!clause_take(&lexer, "index") || !clause_take(&lexer, "concurrently"))
        return;
    out->kind = BARE_CREATE_INDEX;
    out->if_exists = take_if(&lexer, true);
    if (!clause_take(&lexer, "on")) {
        const Token name = clause_next(&lexer);
        out->name = token_name(&name);
        clause_take(&lexer, "on");
    }
    clause_take(&lexer, "only");
    out->table = take_reference(&lexer);
}

static void drop(Lexer lexer, BareStatement *out)
{
    if (!clause_take(&lexer, "index") || !clause_take(&lexer, "concurrently"))
        return;
    out->kind = BARE_DROP_INDEX;
    out->if_exists = take_if(&lexer, false);
    out->name = take_reference(&lexer);
}

static void reindex(Lexer lexer, BareStatement *out)
{
    static const char *const scopes[] = {"index", "table", "schema"};
    out->kind = BARE_REINDEX;
    if (clause_take_symbol(&lexer, '('))
        for (Token token = clause_next(&lexer);
             token.kind != TOKEN_END && !token_is_symbol(&token, ')'); token = clause_next(&lexer))
            continue;
    const Token what = clause_next(&lexer);
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++)
        if (token_is(&what, scopes[i]))
            out->scope = scopes[i];
    clause_take(&lexer, "concurrently");
    out->name = take_reference(&lexer);
}

static void alter(Lexer lexer, BareStatement *out)
{
    g_autofree char *table = NULL;
    g_autofree char *partition = NULL;
    if (!clause_take(&lexer, "table"))
        return;
    take_if(&lexer, false);
    clause_take(&lexer, "only");
    table = take_reference(&lexer);
    clause_take_symbol(&lexer, '*');
    if (!clause_take(&lexer, "detach") || !clause_take(&lexer, "partition"))
        return;
    partition = take_reference(&lexer);
    if (!clause_take(&lexer, "concurrently"))
        return;
    out->kind = BARE_DETACH;
    out->table = g_steal_pointer(&table);
    out->name = g_steal_pointer(&partition);
}

static void repeatable(Lexer lexer, BareStatement *out)
{
    (void)lexer;
    out->kind = BARE_REPEATABLE;
}

static void call(Lexer lexer, BareStatement *out)
{
    (void)lexer;
    out->kind = BARE_COMMITS;
}

/* Only these words make a body of PL/pgSQL commit; a constant behind EXECUTE cannot. */
static bool may_commit(const char *body)
{
    Lexer lexer = lexer_on(body, strlen(body));
    for (Token token = lexer_next(&lexer); token.kind != TOKEN_END; token = lexer_next(&lexer))
        if (token.open || token_is(&token, "commit") || token_is(&token, "rollback") ||
            token_is(&token, "call"))
            return true;
    return false;
}

/* DO 'body' LANGUAGE x, in either order. Of other languages nothing is known. */
static void do_body(Lexer lexer, BareStatement *out)
{
    for (Token token = clause_next(&lexer); token.kind != TOKEN_END; token = clause_next(&lexer)) {
        g_autofree char *body = token_value(&token);
        if (body != NULL && may_commit(body))
            out->kind = BARE_COMMITS;
        if (token_is(&token, "language") && !clause_take(&lexer, "plpgsql"))
            out->kind = BARE_COMMITS;
    }
}

static const struct {
    const char *word;
    void (*read)(Lexer lexer, BareStatement *out);
} verbs[] = {
    {"create", create},     {"drop", drop},         {"reindex", reindex},
    {"alter", alter},       {"vacuum", repeatable}, {"cluster", repeatable},
    {"repack", repeatable}, {"call", call},         {"do", do_body},
};

void bare_parse(const SqlStatement *statement, BareStatement *out)
{
    Lexer lexer = lexer_on(statement->text, statement->size_bytes);
    const Token word = lexer_next(&lexer);
    *out = (BareStatement){.kind = BARE_NOT, .scope = ""};
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (token_is(&word, verbs[i].word))
            verbs[i].read(lexer, out);
}
