#include "migration/clause.h"

#include <glib.h>

StatementClass clause_decide(const ClauseContext *context, StatementClass kind, const char *verb,
                             const char *object)
{
    if (context->words != NULL && *context->words == NULL)
        *context->words = g_strconcat(verb, object[0] != '\0' ? " " : "", object, NULL);
    return kind;
}

Token clause_next(Lexer *lexer)
{
    Token token = lexer_next(lexer);
    if (token_is_symbol(&token, ';') || token.open)
        token.kind = TOKEN_END;
    return token;
}

bool clause_take(Lexer *lexer, const char *word)
{
    Lexer ahead = *lexer;
    const Token token = clause_next(&ahead);
    if (!token_is(&token, word))
        return false;
    *lexer = ahead;
    return true;
}

bool clause_take_symbol(Lexer *lexer, char symbol)
{
    Lexer ahead = *lexer;
    const Token token = clause_next(&ahead);
    if (!token_is_symbol(&token, symbol))
        return false;
    *lexer = ahead;
    return true;
}

bool clause_at_end(Lexer lexer)
{
    return clause_next(&lexer).kind == TOKEN_END;
}

Token clause_next_outside(Lexer *lexer)
{
    size_t parens = 0;
    for (;;) {
        const Token token = clause_next(lexer);
        if (token.kind == TOKEN_END)
            return token;
        if (token_is_symbol(&token, '('))
            parens++;
        else if (token_is_symbol(&token, ')') && parens > 0)
            parens--;
        else if (parens == 0)
            return token;
    }
}
