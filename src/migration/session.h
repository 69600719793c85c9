/*
 * Statements that change the session: settings that the runner pins or that change the meaning of
 * what follows, roles, DISCARD. Each function gets the place behind its word.
 */
#pragma once

#include "migration/clause.h"

StatementClass session_set(Lexer *lexer, const ClauseContext *context);
StatementClass session_reset(Lexer *lexer, const ClauseContext *context);
StatementClass session_discard(Lexer *lexer, const ClauseContext *context);
StatementClass session_set_config(Lexer lexer, const ClauseContext *context);
