/*
 * Reading a statement word by word to say what it is: the place is a Lexer, each function moves it
 * on. Shared by the files that know the kinds of statements (statement, reach, session).
 */
#pragma once

#include "migration/lexer.h"
#include "migration/statement.h"
#include <stdbool.h>

typedef struct {
    const char *database; /* may be NULL */
    char **words;         /* may be NULL */
    bool body;            /* inside DO or EXECUTE, where BEGIN and END are PL/pgSQL */
    int depth;            /* of bodies */
} ClauseContext;

/* kind, and its words for the message: verb and object (may be empty). The first words stay. */
StatementClass clause_decide(const ClauseContext *context, StatementClass kind, const char *verb,
                             const char *object);

/* The next token of this statement: a semicolon ends it, inside a body. */
Token clause_next(Lexer *lexer);

/* The next token outside parentheses, which are passed whole. */
Token clause_next_outside(Lexer *lexer);

/* Moves behind the next token if it is this word or symbol. */
bool clause_take(Lexer *lexer, const char *word);
bool clause_take_symbol(Lexer *lexer, char symbol);

bool clause_at_end(Lexer lexer);
