/*
 * Statements that reach outside the database they run in: roles, databases, tablespaces,
 * subscriptions, settings of the server, its files and programs, the catalogs that all databases
 * share. CREATE INDEX CONCURRENTLY and its like are seen here too, because they begin with the same
 * words. Each function gets the place behind its word.
 */
#pragma once

#include "migration/clause.h"

StatementClass reach_create(Lexer *lexer, const ClauseContext *context);
StatementClass reach_alter(Lexer *lexer, const ClauseContext *context);
StatementClass reach_drop(Lexer *lexer, const ClauseContext *context);
StatementClass reach_reassign(Lexer *lexer, const ClauseContext *context);
StatementClass reach_grant(Lexer *lexer, const ClauseContext *context);
StatementClass reach_revoke(Lexer *lexer, const ClauseContext *context);
StatementClass reach_comment(Lexer *lexer, const ClauseContext *context);
StatementClass reach_security(Lexer *lexer, const ClauseContext *context);
StatementClass reach_copy(Lexer *lexer, const ClauseContext *context);
StatementClass reach_insert(Lexer *lexer, const ClauseContext *context);
StatementClass reach_update(Lexer *lexer, const ClauseContext *context);
StatementClass reach_delete(Lexer *lexer, const ClauseContext *context);
