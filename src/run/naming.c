#include "run/naming.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "run/gate.h"
#include "run/properties.h"
#include <string.h>

#define ATTEMPTS 4
#define WATCH_MS 10

/* A copy's properties with the original's comment in place of our record. */
static PgProperties *read_properties(Run *run, const char *copy, GError **error)
{
    PgProperties *properties = NULL;
    RunRecord *record = NULL;
    if (copy == NULL)
        return pg_properties_copy(run->before);
    properties = pg_properties_read(run->control, copy, error);
    if (properties == NULL)
        return NULL;
    record = run_record_parse(copy, pg_properties_comment(properties));
    if (record != NULL)
        pg_properties_set_comment(properties, pg_properties_comment(run->before));
    run_record_free(record);
    return properties;
}

/* The statements that turn the chosen copy, which has the name already, into what it must be in
 * service. */
static GPtrArray *property_statements(Run *run, const Naming *naming, GPtrArray *notes,
                                      GError **error)
{
    g_autoptr(PgProperties) live = read_properties(run, naming->current, error);
    g_autoptr(PgProperties) work = NULL;
    g_autoptr(PgProperties) now = NULL;
    g_autoptr(PgProperties) wanted = NULL;
    if (live == NULL)
        return NULL;
    work = read_properties(run, naming->migrated, error);
    now = work != NULL ? pg_properties_read(run->control, naming->chosen, error) : NULL;
    if (now == NULL)
        return NULL;
    wanted = pg_properties_merge(run->before, live, work, notes);
    return pg_properties_statements(run->names->live, now, wanted);
}

static bool rename_database(Run *run, const char *from, const char *to, GError **error)
{
    g_autofree char *quoted_from = pg_identifier(from);
    g_autofree char *quoted_to = pg_identifier(to);
    return pg_execf(run->control, error, "ALTER DATABASE %s RENAME TO %s", quoted_from, quoted_to);
}

static bool close_aside(Run *run, const NamingAside *aside, GError **error)
{
    const RunRecord record = {.run = run->id,
                              .database = run->database,
                              .role = (char *)aside->role,
                              .strategy = (char *)run_strategy(run),
                              .phase = (char *)aside->phase,
                              .comment = (char *)pg_properties_comment(run->before),
                              .gate = (char *)aside->gate,
                              .content = (char *)aside->content};
    g_autofree char *comment = run_record_statement(aside->aside, &record);
    return gate_set(run->control, aside->aside, false, error) &&
           pg_exec(run->control, comment, error);
}

static bool set_aside(Run *run, const NamingAside *aside, GError **error)
{
    return rename_database(run, aside->name, aside->aside, error) && close_aside(run, aside, error);
}

/* The record of what was in service keeps the comment that it had itself. */
static bool set_live_aside(Run *run, const NamingAside *aside, GError **error)
{
    g_autoptr(PgProperties) live = pg_properties_read(run->control, aside->name, error);
    PgProperties *wanted = run->before;
    bool done = false;
    if (live == NULL)
        return false;
    run_end_live_sessions(run);
    pg_set_watch(run->control, WATCH_MS, run_end_live_sessions, run);
    run->before = live;
    /* Behind the renaming nobody else can change its row. */
    done = rename_database(run, aside->name, aside->aside, error) &&
           run_learn_closed(run, aside->aside, error) && close_aside(run, aside, error);
    run->before = wanted;
    pg_set_watch(run->control, 0, NULL, NULL);
    return done;
}

/* A database that its owner has closed stays so: by ALLOW_CONNECTIONS, or by a limit of no
 * connections, whatever limit the snapshot tells. */
static bool open_gate(Run *run, const Naming *naming, GError **error)
{
    g_autofree char *live = pg_identifier(run->names->live);
    if (!naming->in_service)
        return gate_set(run->control, run->names->live, true, error);
    return (!run->limited ||
            pg_execf(run->control, error, "ALTER DATABASE %s CONNECTION LIMIT 0", live)) &&
           gate_set(run->control, run->names->live, !run->shut, error);
}

/* Whoever opens a database, or closes it again, writes its row. */
static bool check_row(const Run *run, const Naming *naming, GError **error)
{
    g_autofree char *now = NULL;
    if (naming->row == NULL)
        return true;
    now = gate_version(run->control, naming->chosen, error);
    if (now == NULL || strcmp(now, naming->row) == 0)
        return now != NULL;
    error_set(error, ERROR_INTEGRITY,
              "'%s' was opened or changed by someone since it was found right: its row in "
              "pg_database is not the one that it had then",
              naming->chosen);
    error_hint_set(error, "leave the copy alone until it has its name (no ALTER DATABASE, no GRANT "
                          "ON DATABASE), and start again");
    return false;
}

/* Those who step aside may have been waited for. */
static bool rename_chosen(Run *run, const Naming *naming, GError **error)
{
    return check_row(run, naming, error) &&
           rename_database(run, naming->chosen, run->names->live, error);
}

static bool give(Run *run, const Naming *naming, GPtrArray *notes, GError **error)
{
    g_autoptr(GPtrArray) statements = property_statements(run, naming, notes, error);
    if (statements == NULL || !check_row(run, naming, error))
        return false;
    for (size_t i = 0; i < naming->n_asides; i++) {
        if (!(naming->in_service && i == 0 ? set_live_aside : set_aside)(run, &naming->asides[i],
                                                                         error))
            return false;
    }
    return rename_chosen(run, naming, error) && properties_run(run, statements, notes, error) &&
           open_gate(run, naming, error);
}

/* What takes the name of a database in service must have it in time; a COMMIT is not cancelled. */
static bool give_in_time(Run *run, const Naming *naming, GPtrArray *notes, GError **error)
{
    bool given = false;
    if (naming->in_service)
        pg_set_deadline(run->control, run_latest_us(run), run->helper);
    given = give(run, naming, notes, error);
    pg_set_deadline(run->control, 0, NULL);
    return given;
}

/* False without an error if sessions were in the way and another try is worth it. */
static bool try_once(Run *run, const Naming *naming, bool last, bool *given, GPtrArray *notes,
                     GError **error)
{
    g_autoptr(GError) cause = NULL;
    *given = false;
    if (!pg_exec(run->control, "BEGIN", error))
        return false;
    if (!give_in_time(run, naming, notes, &cause) || !run_lock_check(run->lock, &cause)) {
        if (pg_is_alive(run->control))
            (void)pg_exec(run->control, "ROLLBACK", NULL);
        if (naming->in_service && !last && g_strcmp0(error_sqlstate(cause), "55006") == 0)
            return true;
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    failpoint("name.before_commit");
    run->naming_sent = true;
    if (!pg_exec(run->control, "COMMIT", error))
        return false;
    failpoint("name.after_commit");
    *given = true;
    return true;
}

bool naming_give(Run *run, const Naming *naming, GPtrArray *notes, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const guint noted = notes->len;
    bool given = false;
    for (int attempt = 1; attempt <= ATTEMPTS && !given; attempt++) {
        g_ptr_array_set_size(notes, (gint)noted);
        if (!try_once(run, naming, attempt == ATTEMPTS, &given, notes, &cause))
            break;
    }
    if (given)
        return true;
    if (naming->in_service && g_strcmp0(error_sqlstate(cause), "55006") == 0)
        run_explain_sessions(run, error);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}
