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
#include <stdint.h>

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

/* ---- one statement at a time, for files that are larger than memory ---- */

/* Views into the text that is split. */
typedef struct {
    const char *text; /* as SqlStatement's, not terminated */
    size_t size_bytes;
    int64_t line;
    int column;
    bool has_data; /* COPY ... FROM stdin: splitter_data() gives its data */
} SqlView;

/* What to do about \restrict, \unrestrict, \connect, \c and \encoding between statements: name is
 * without the backslash, rest is what stands behind it on its line. False with an error (without a
 * place, which is added) ends the split. */
typedef bool (*SplitterCommand)(const char *name, const char *rest, gpointer data, GError **error);

typedef struct SqlSplitter SqlSplitter;

/* sql must stay as it is. What is not UTF-8 is let through, NUL bytes too. */
SqlSplitter *splitter_open(const char *sql, size_t size_bytes, const char *path,
                           SplitterCommand command, gpointer data);
void splitter_close(SqlSplitter *splitter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SqlSplitter, splitter_close)

/* The next statement; *found is false at the end. Data that were not asked for are passed over.
 * Errors as splitter_split(). */
bool splitter_next(SqlSplitter *splitter, SqlView *view, bool *found, GError **error);

/* The next data of the COPY that splitter_next() gave, some 100 kB at most; *size_bytes is 0 at
 * their end. They lie one behind the other in the text. */
bool splitter_data(SqlSplitter *splitter, const char **data, size_t *size_bytes, GError **error);

/* How far it has read. */
const char *splitter_at(const SqlSplitter *splitter);

/* "path:line:column" of a place in the text that was read already. The caller frees it. */
char *splitter_place(const SqlSplitter *splitter, const SqlView *view, size_t offset_bytes);

/* Line and column in the file of the 1-based character position in a statement's text. */
void splitter_locate(const SqlStatement *statement, int position, int *line, int *column);
