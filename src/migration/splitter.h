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
    char *text; /* the statement without the final semicolon, leading and trailing blanks and
                   comments */
    size_t size_bytes;
    int line, column; /* of its first character, from 1; columns count characters */
    char *copy_data; /* data of COPY ... FROM stdin, without the end mark; NULL for other statements
                      */
    size_t copy_bytes;
} SqlStatement;

void sql_statement_free(SqlStatement *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SqlStatement, sql_statement_free)

/* SqlStatement * in order; empty statements are left out. path is for messages only. ERROR_CONFIG
 * "file:line:column: ..." for what is unterminated or not allowed, for NUL bytes and for what is
 * not UTF-8. */
GPtrArray *splitter_split(const char *sql, size_t size_bytes, const char *path, GError **error);

/* A line comment that the splitter passes: the text behind the dashes, and where the dashes are. */
typedef struct {
    const char *text;
    size_t size_bytes;
    int line, column;
    bool leading;        /* stands before the first statement */
    bool between;        /* no statement is open */
    bool alone;          /* nothing stands before it on its line */
    unsigned statements; /* that are complete before it */
} SqlComment;

/* Says what it thinks of a comment; false with an error ends the split. */
typedef bool (*SplitterNote)(const SqlComment *comment, gpointer data, GError **error);

/* As splitter_split(), and shows every line comment to note (which may be NULL), in order. */
GPtrArray *splitter_split_noting(const char *sql, size_t size_bytes, const char *path,
                                 SplitterNote note, gpointer data, GError **error);

/* Line and column in the file of the 1-based character position in a statement's text. */
void splitter_locate(const SqlStatement *statement, int position, int *line, int *column);
