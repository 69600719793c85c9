/* The state of a run that its phases share. Private to src/run/. */
#pragma once

#include "audit/chain.h"
#include "base/scratch.h"
#include "migration/standing.h"
#include "pg/connection.h"
#include "pg/properties.h"
#include "run/journal.h"
#include "run/lock.h"
#include "run/names.h"
#include "run/record.h"
#include "run/run.h"
#include "snapshot/intake.h"
#include "verify/digest.h"
#include "verify/proof.h"

/* A finding of preflight. */
typedef struct {
    const char *name; /* one of policy_findings, or another word for what cannot be accepted */
    bool refuses;     /* not accepted, or only a remark */
    char *text;
    char *fix; /* what would mend it; NULL: nothing to do */
} Finding;

/* A file of the policy's assertions. */
typedef struct {
    char *path;
    GPtrArray *statements; /* SqlStatement * */
} AssertionFile;

typedef struct Backup Backup; /* run/backup.h */

typedef struct {
    const RunOptions *options;
    RunKind kind;
    const Policy *policy;
    const PgTarget *target;
    char *database;
    char *id;
    const char *command;
    char *session;     /* what tells its sessions from those of other runs, in their name */
    char *application; /* their name */
    char *folder;      /* <state>/runs/<id>; NULL if it is lost or not made yet */
    char *lock_name;   /* what the lock is taken for */
    RunNames *names;

    Backup *backup;        /* the lane beside this one; NULL: none */
    PgConnection *control; /* creates, renames, opens and closes databases */
    PgConnection *helper;  /* ends sessions while control waits */
    RunLock *lock;
    RunLock *live_lock; /* RUN_ONLINE: in the database itself, as migrate and undo have it */
    Journal *journal;
    Audit *audit;

    /* Learnt in preflight. */
    GPtrArray *findings;   /* Finding * */
    guint findings_told;   /* how many of them were logged */
    Standing *standing;    /* of the live database to the files */
    GPtrArray *pending;    /* const Migration * */
    PgProperties *before;  /* the database's properties */
    json_t *shared;        /* shared catalogs before the run */
    GPtrArray *assertions; /* AssertionFile * */
    GPtrArray *remarks;    /* char *: what could not be done and changes no outcome */
    GHashTable *not_valid; /* constraints that were NOT VALID already */
    char *search_path;     /* of our role in the live database */
    int64_t size_bytes;
    json_t *estimates; /* run/estimate.h */

    /* Of a run from a snapshot. */
    Intake *from;
    char *given;         /* where it is; NULL: as the options say */
    Scratch *scratch;    /* for unpacking and password files; NULL: they go into folder */
    bool looked;         /* it is known whether a database has the name */
    bool displaces;      /* one has it, and will step aside */
    bool shut;           /* what has the name lets nobody in: ALLOW_CONNECTIONS false */
    bool limited;        /* or superusers alone: CONNECTION LIMIT 0 */
    bool before_is_live; /* it tells no properties: before was read from what has the name */
    bool from_proven;    /* what was restored has every digest that the snapshot tells */
    bool stands;         /* there is none: the work copy is one that an earlier run has left */

    /* The state of the copies. */
    bool fenced;         /* the name is taken away */
    bool cloned;         /* the work copy exists */
    bool history_made;   /* the work copy's history is there and up to date */
    bool migrating;      /* a migrating statement may have been sent to the work copy */
    bool in_place;       /* the database itself is migrated (run/in_place.h) */
    bool alone;          /* and there is no clone of it */
    bool exchanged;      /* the work copy is the database itself */
    bool exchange_sent;  /* COMMIT of that was sent, and not answered */
    bool taken_back;     /* it did not come to that, or was taken back: nobody was let into it */
    bool marked;         /* RUN_ONLINE: the database may say that it has not ended (run/marker.h) */
    bool opened;         /* the work copy has the name */
    bool naming_sent;    /* COMMIT of the transaction that gives it the name was sent */
    bool kept_scratch;   /* a rehearsal's database was kept */
    bool failed_left;    /* a migrated copy was put aside */
    bool unproven_left;  /* and so was a kept copy that is not what it was */
    bool restored_anew;  /* the run's snapshot was restored and has the name */
    bool before_gone;    /* and somebody has dropped or renamed the copy from before since */
    bool idle;           /* recovery found no run that has not ended */
    bool published_late; /* by recovery, when users were at work again */
    bool unwatched;   /* the kept copy stood open without us: only its content proves it, no row */
    bool hooks_begun; /* the policy's commands around the fence (run/hooks.h) */
    bool gate_opened; /* the kept copy has been open for reading since it was fenced */
    char *gate;       /* version of the kept copy's row when it was closed last */
    char *work_gate;  /* of in_place: that of the work copy's row, as long as nobody was let in */
    char *proven_row; /* that of the work copy's row since it was found right and closed, which it
                         must have when it gets the name; NULL: not known */
    char *hooks_told; /* the result that fence.after was told already; NULL: none */
    char *renamed_keep; /* what a person has renamed the kept copy to during the run; NULL */
    char *undecided;    /* recovery: how things stand, since nobody has said what to do; NULL */
    char *read_only;    /* the original's own default_transaction_read_only; NULL: not set */
    int intruders;      /* sessions ended that came in while a gate was open */

    /* Of a run that recovery goes on with. */
    MigrationSet *set;   /* NULL: the options have it */
    GHashTable *applied; /* ids of migrations that the work copy has already; NULL: none */

    /* Learnt on the way. */
    DigestSet *digests; /* content of the kept copy */
    char *content;      /* its hash */
    ProofTouched *touched;
    json_t *tables;        /* names of what the migration that ran last may have changed */
    bool writes_unknown;   /* a statement committed by itself, so that its locks were not seen */
    PgConnection *work;    /* the session in the work copy */
    PgConnection *keep;    /* a reading session in the kept copy */
    int64_t fence_us;      /* how long taking the name took: the measure for giving it back */
    int64_t window_end_us; /* wall clock; 0: none */
    int64_t fenced_at_us;  /* monotonic */
    int64_t downtime_us;
    int64_t waited_us; /* for the backup lane, in this phase */

    const char *phase; /* that runs now, for the journal */
    json_t *report;
} Run;

/* Adds a finding; name is looked up in what the policy accepts. */
void run_finding(Run *run, const char *name, bool refuses, const char *fix, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

/* How long the way back would take from here at most: until the last statement is gone, until the
 * name is given back (from what taking it took), and, where the run's snapshot must be restored for
 * that, how long this takes (estimate.h). And the monotonic moment after which nothing of the
 * change may run any more (0: none). */
int64_t run_way_back_us(const Run *run);
int64_t run_latest_us(const Run *run);

/* ERROR_TOO_LATE if a step of this length does not fit in before the latest moment any more. */
bool run_fits(const Run *run, const char *step, int64_t estimate_us, GError **error);

/* Connects to the control database and takes the lock, before anything is changed: whoever waits
 * at the terminal is told at once what is in the way. */
bool run_connect_first(Run *run, GError **error);

/* The same for a command that begins; *again says that its id is taken on the server, by a command
 * of the same second and the same database that has ended, and that it has the next one now and no
 * connection. */
bool run_connect_new(Run *run, bool *again, GError **error);

/* Connects (again) to the control database, and takes the lock if it was lost with its session.
 * Tries again for a minute: the way back depends on it. */
bool run_connect(Run *run, GError **error);

/* Connects to the control database and takes no lock: for looking only. */
bool run_connect_control(Run *run, GError **error);

/* Of the kind of a run: how records and journal call what it does. */
const char *run_strategy(const Run *run);
const char *run_command(const Run *run);
/* The role of its work copy in records, and of what it puts aside when that gets the name. */
const char *run_work_role(const Run *run);
const char *run_aside_role(const Run *run);
/* Its name. */
const char *run_aside_name(const Run *run);

/* The server's shared catalogs as a session sees them, without what belongs to the run's own
 * databases. */
json_t *run_read_shared(const Run *run, PgConnection *connection, GError **error);

/* A session in a copy whose gate is closed: opens it, connects n times, closes it, ends whoever
 * else slipped in. connections gets n connections. For the kept copy the database is read-only by
 * default as long as it is open. */
bool run_enter(Run *run, const char *copy, bool read_only, int n, PgConnection **connections,
               GError **error);

/* Of recovery: whether the work copy was found right, as its record tells, and nobody has opened it
 * since. An older record tells no row, and is believed without. */
bool run_learn_proven(Run *run, const RunRecord *work, bool *proven, GError **error);

/* Opens the kept copy for reading (read-only by default), and closes it again with its new version
 * recorded. */
bool run_open_keep(Run *run, GError **error);
bool run_close_keep(Run *run, GError **error);

/* Closes the kept copy that a dead run has left open. Nobody knows who was in it. */
bool run_close_unwatched(Run *run, GError **error);

/* Writes the record of the kept copy (where there is one) or the work copy. */
bool run_write_keep_record(Run *run, const char *phase, GError **error);
bool run_write_work_record(Run *run, const char *phase, GError **error);

/* What can be known of server, database, files and window without changing anything: fills in what
 * preflight learns and adds findings. An error is what makes a run pointless to consider (no
 * server, no database, files that do not load, a history that differs). */
bool run_survey(Run *run, GError **error);
bool run_survey_server(Run *run, GError **error);
bool run_survey_database(Run *run, PgConnection *live, GError **error);
bool run_survey_size(Run *run, PgConnection *inside, GError **error);
bool run_survey_migrations(Run *run, PgConnection *live, GError **error);
bool run_survey_names(Run *run, GError **error);
/* What is in the way of a run in the live database. */
bool run_survey_online(Run *run, GError **error);
bool run_survey_obstacles(Run *run, GError **error);
/* Sessions in the live database that this role may not end: a visitor may leave by itself, who
 * stays is in the way. */
bool run_survey_sessions(Run *run, GError **error);
/* Room for the clone and the snapshot, as far as it can be measured. */
void run_survey_disk(Run *run, PgConnection *live);
void run_survey_stores(Run *run);

/* Whether this role may give a new database the properties that it shall have: tried on an empty
 * one, which is dropped again. */
bool run_survey_import_properties(Run *run, GError **error);

/* What is in the way of taking the name from a database that has it; *exists says whether one has.
 */
bool run_survey_displaced(Run *run, bool *exists, GError **error);

/* Tells all findings at once; ERROR_REFUSED if one of them is in the way. */
bool run_judge(Run *run, GError **error);

/* The folder of the run, with a new id if the one it has is taken; its journal and audit log; what
 * recovery needs, in the journal. */
bool run_make_folder(Run *run, GError **error);
bool run_open_logs(Run *run, GError **error);
bool run_write_plan(Run *run, GError **error);
json_t *run_pending_json(const Run *run);

/* Fills in assertions. */
bool run_load_assertions(Run *run, GError **error);

/* Fills in what options say; nothing is connected. */
bool run_init(Run *run, const RunOptions *options, const char *command, GError **error);

/* Gives the run an identity: names of copies and of sessions follow from it. Before anything is
 * connected, or in recovery. */
void run_take_id(Run *run, const char *command, const char *id);

/* The names of its copies, from what the run is called and what its database is called. */
void run_take_names(Run *run);

/* Phases. Each returns false with an error; what it did so far stands in the journal and in the
 * fields above. */
bool run_preflight(Run *run, GError **error);
bool run_preflight_import(Run *run, GError **error);
bool run_import(Run *run, GError **error);
bool run_take_over(Run *run, GError **error);
bool run_settle_rehearsal(Run *run, GError **error);
bool run_fence(Run *run, GError **error);
bool run_clone(Run *run, GError **error);
bool run_snapshot(Run *run, GError **error);
bool run_publish_before_migrate(Run *run, GError **error);
bool run_migrate(Run *run, GError **error);
bool run_verify(Run *run, GError **error);
bool run_publish_before_open(Run *run, GError **error);
bool run_open(Run *run, GError **error);
bool run_publish_at_end(Run *run, GError **error);

/* A line of the report's phases, which are told as they began. lane: "backup" for what was done
 * beside others; NULL: one after the other. Borrowed. */
json_t *run_report_phase(Run *run, const char *name, const char *lane, const char *began,
                         int64_t took_us, bool done);

/* Those of a run in the live database while users work. */
bool run_migrate_online(Run *run, GError **error);
bool run_verify_online(Run *run, GError **error);
bool run_end_online(Run *run, GError **error);

/* Applies what is pending through run->work, which is closed then. */
bool run_apply_pending(Run *run, GError **error);

/* Health, verify files and assertions, through run->work; findings gets a line for each that does
 * not hold. run_judge_findings() tells them: ERROR_INTEGRITY if there is one. */
bool run_check_work(Run *run, GPtrArray *findings, GError **error);
bool run_judge_findings(Run *run, const GPtrArray *findings, GError **error);

/* A new session in the live database, for run->work, and the lock in it. */
bool run_enter_live(Run *run, bool read_only, GError **error);

/* How the way back ended. */
typedef enum {
    WAY_BACK_PROVEN,     /* the database is in service and its content is proven */
    WAY_BACK_EXCEPTIONS, /* in service, with exceptions that are named */
    WAY_BACK_NOT,        /* not in service: error says why */
    WAY_BACK_OPENED,     /* none: the migrated copy has the name already, users write to it */
} WayBack;

/* Gives the kept copy its name back, proves it, and puts the work copy aside (or drops it if no
 * migrating statement was sent to it). exceptions gets a line for each thing that is not as it was.
 */
WayBack run_restore(Run *run, GPtrArray *exceptions, GError **error);

/* The same for a run from a snapshot: nothing in service was touched, so that its own copy goes. */
WayBack run_withdraw(Run *run, GPtrArray *exceptions, GError **error);

/* The same for a run in the live database: what it applied is taken back by the down files, the
 * last one first; what stays applied is an exception. */
WayBack run_take_back(Run *run, const GError *why, GPtrArray *exceptions, GError **error);

/* What is not as it was in the server's shared catalogs. */
void run_compare_shared(Run *run, GPtrArray *exceptions);

/* Waits until the transactions that were open in the live database have ended, or fence.drain is
 * over, or it is too late to go on. */
bool run_drain(Run *run, GError **error);

/* Ends the sessions in the live database as far as this role may; called again and again while a
 * rename waits for them. data is the Run. And says which ones are in the way. */
void run_end_live_sessions(gpointer data);
void run_explain_sessions(Run *run, GError **error);

/* Gives the work copy what belongs to the database and its record with this phase, in one
 * transaction. */
bool run_dress(Run *run, const char *phase, GError **error);

/* Learns whether the database `name` is one that its owner has closed (shut, limited). */
bool run_learn_closed(Run *run, const char *name, GError **error);

/* Drops a copy, after its sessions. */
bool run_drop_copy(Run *run, const char *name, GError **error);

/* Ends what other sessions of this run are still doing on the server; a client that died does not
 * stop its statement. */
bool run_end_own_sessions(Run *run, GError **error);

/* Ends the sessions of runs, of which nothing but the database need be known, that are in a
 * transaction that renames the database or a copy of it: it may commit though its client is gone,
 * so that what the names say counts only afterwards. */
bool run_end_renaming_sessions(Run *run, GError **error);

bool run_database_exists(Run *run, const char *name, bool *exists, GError **error);

/* The phases of a run from this one to the last. */
bool run_go_on(Run *run, const char *first, GError **error);

/* What waits for the outcome, whatever it is: subscriptions are enabled again where that may be,
 * and fence.after is run. A second time does nothing. */
void run_outcome_is_known(Run *run, int exit_code);

/* Ends a run: fills in the outcome, writes report, journal and audit log, and publishes them. cause
 * is why it failed (NULL: it did not). */
void run_conclude(Run *run, int exit_code, const GError *cause, const GPtrArray *exceptions,
                  RunOutcome *outcome);

/* The way back after cause, and the end. */
void run_go_back(Run *run, const GError *cause, RunOutcome *outcome);

void run_clear(Run *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)
