/*
 * What a message may repeat of the statement that it is about: the names in it, and the texts that
 * it raises errors with. Read with the lexical rules of SQL and PL/pgSQL; what is a literal and not
 * code gives no names.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    GHashTable *names; /* char *: words in lower case, quoted identifiers as they are */
    GPtrArray *raised; /* char *: literals of RAISE and ASSERT */
} RedactStatement;

/* sql may be NULL. */
RedactStatement *redact_statement_new(const char *sql);
void redact_statement_free(RedactStatement *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RedactStatement, redact_statement_free)

/* Whether name, or each of its parts between dots, is a name in the statement. */
bool redact_statement_has(const RedactStatement *statement, const char *name);

/* Whether a byte belongs to a word: letters, digits, underscore, dollar, and all beyond ASCII. */
bool redact_is_word(char c);
