/*
 * The sessions of a command that changes the live database itself: the locks against runs and
 * against each other, a session to work in, another to watch it, and how the database stands to the
 * files.
 */
#pragma once

#include "cli/command.h"
#include "migration/apply.h"
#include "migration/standing.h"
#include "run/lock.h"

typedef struct {
    char *id;
    char *application;
    char *search_path;
    RunLock *lock;        /* in the control database: against runs */
    RunLock *target_lock; /* in the target: against others that know only it */
    PgConnection *connection;
    PgConnection *observer;
    Standing *standing;
    bool history_made; /* as in ApplyOptions */

    const PgTarget *target; /* borrowed */
    int connect_timeout_s;
} Session;

/* Ends what an earlier command has left running, and writes down what --again or --done decide,
 * before it looks. Drift between history and files is no error here. */
bool session_open(Session *session, const Cli *cli, const char *command, GError **error);
void session_clear(Session *session);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

/* How migrations are applied in it; valid as long as both live. *left as in ApplyOptions. A session
 * that was lost is replaced by a new one. */
ApplyOptions session_apply_options(Session *session, const Cli *cli, bool *left);
