/*
 * Splits SQL into statements after psql's rules: quotes, E'', U&'', dollar quotes, nested comments,
 * parentheses, BEGIN ATOMIC bodies, COPY ... FROM stdin with its data up to \., \restrict and
 * \unrestrict (passed over). Any other backslash command is an error with file, line and column.
 * Source: psqlscan.l of PostgreSQL.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *text; /* the statement without the final semicolon, leading blanks and comments */
    size_t size_bytes;
    int line, column; /* of its first character, from 1; columns count characters */
    char *copy_data; /* data of COPY ... FROM stdin, without the end mark; NULL for other statements
                      */
    size_t copy_bytes;
} SqlStatement;

void sql_statement_free(SqlStatement *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SqlStatement, sql_statement_free)

/* SqlStatement * in order; empty statements are left out. path is for messages only. ERROR_CONFIG
 * "file:line:column: ..." for what is unterminated or not allowed. */
GPtrArray *splitter_split(const char *sql, size_t size_bytes, const char *path, GError **error);

/* Line and column in the file of the 1-based character position in a statement's text. */
void splitter_locate(const SqlStatement *statement, int position, int *line, int *column);
