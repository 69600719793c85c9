#include "adopt/scratch.h"

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "migration/history.h"
#include "pg/sql.h"
#include <string.h>

#define COMMENT "drydock adopt: scratch for %s, may be dropped"
#define NAME_MAX_BYTES 63

/* Signals wait: a scratch database that stays would be noticed by nobody. */
static bool drop(const ScratchOptions *options, const char *name, GError **error)
{
    g_autofree char *quoted = pg_identifier(name);
    interrupt_shield(true);
    const bool done =
        pg_execf(options->control, error, "DROP DATABASE IF EXISTS %s WITH (FORCE)", quoted);
    interrupt_shield(false);
    if (!done)
        g_prefix_error(error, "cannot drop the scratch database '%s': ", name);
    return done;
}

static bool drop_leftovers(const ScratchOptions *options, GError **error)
{
    g_autoptr(PgResult) names = pg_query(options->control, error, pg_sql_adopt_scratch_leftovers, 1,
                                         pg_target_database(options->target));
    for (int row = 0; names != NULL && row < pg_rows(names); row++) {
        log_info("dropping scratch database '%s', which an earlier adopt left behind",
                 pg_value(names, row, 0));
        if (!drop(options, pg_value(names, row, 0), error))
            return false;
    }
    return names != NULL;
}

/* The suffix is never cut off: it is what makes the name unique. */
static char *scratch_name(const ScratchOptions *options)
{
    g_autofree char *suffix = g_strdup_printf("_drydock_%s_scratch", options->apply->run);
    g_autofree char *stem =
        text_shorten(pg_target_database(options->target), NAME_MAX_BYTES - strlen(suffix));
    return g_strconcat(stem, suffix, NULL);
}

static bool create(const ScratchOptions *options, const char *name, GError **error)
{
    g_autoptr(PgResult) facts =
        pg_query(options->live, error,
                 "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype "
                 "FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
                 0);
    if (facts == NULL)
        return false;
    g_autofree char *quoted = pg_identifier(name);
    g_autofree char *encoding = pg_literal(pg_value(facts, 0, 0));
    g_autofree char *collate = pg_literal(pg_value(facts, 0, 1));
    g_autofree char *ctype = pg_literal(pg_value(facts, 0, 2));
    g_autofree char *text = g_strdup_printf(COMMENT, pg_target_database(options->target));
    g_autofree char *comment = pg_literal(text);
    if (!pg_execf(options->control, error,
                  "CREATE DATABASE %s TEMPLATE template0 ENCODING %s LC_COLLATE %s LC_CTYPE %s "
                  "CONNECTION LIMIT 5",
                  quoted, encoding, collate, ctype)) {
        if (g_strcmp0(error_sqlstate(*error), "42501") == 0)
            error_recode(error, ERROR_REFUSED);
        g_prefix_error(error, "cannot create a scratch database to compare the catalog with: ");
        error_hint_set(error, "the role needs CREATEDB; --no-compare does without the comparison");
        return false;
    }
    return pg_execf(options->control, error, "COMMENT ON DATABASE %s IS %s", quoted, comment);
}

/* What the migrations may take for granted. An extension that may not be created is left to them:
 * if they need it they say so. */
static bool create_extensions(const ScratchOptions *options, PgConnection *scratch, GError **error)
{
    g_autoptr(PgResult) extensions = pg_query(options->live, error, pg_sql_adopt_extensions, 0);
    for (int row = 0; extensions != NULL && row < pg_rows(extensions); row++) {
        g_autoptr(GError) cause = NULL;
        const char *schema = pg_value(extensions, row, 2);
        if (!pg_execf(scratch, &cause,
                      "CREATE SCHEMA IF NOT EXISTS %s; "
                      "CREATE EXTENSION IF NOT EXISTS %s SCHEMA %s CASCADE",
                      schema, pg_value(extensions, row, 1), schema))
            log_warning("extension %s is not in the scratch database: %s",
                        pg_value(extensions, row, 0), cause->message);
    }
    return extensions != NULL;
}

static Catalog *fill(const ScratchOptions *options, const char *name, GError **error)
{
    const PgConnectOptions connect = {.database = name,
                                      .application = options->application,
                                      .connect_timeout_s = options->connect_timeout_s};
    g_autoptr(PgConnection) scratch = pg_connect(options->target, &connect, error);
    if (scratch == NULL || !create_extensions(options, scratch, error) ||
        !history_create(scratch, error))
        return NULL;
    for (guint i = 0; i < options->migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(options->migrations, i);
        log_progress("comparing: %s-%s on a scratch database", migration->id, migration->name);
        if (!apply_up(scratch, migration, options->apply, NULL, error)) {
            g_prefix_error(error,
                           "while applying migration %s to the scratch database: ", migration->id);
            error_hint_set(error, "the migrations must run on an empty database; --no-compare "
                                  "does without the comparison");
            return NULL;
        }
    }
    log_progress_end();
    return catalog_read(scratch, NULL, NULL, error);
}

Catalog *scratch_catalog(const ScratchOptions *options, GError **error)
{
    g_autofree char *name = scratch_name(options);
    g_autoptr(GError) cause = NULL;
    g_autoptr(Catalog) catalog = NULL;
    if (!drop_leftovers(options, error) || !create(options, name, error))
        return NULL;
    catalog = fill(options, name, error);
    log_progress_end();
    if (!drop(options, name, &cause))
        log_warning("%s; drop it by hand: it holds no data", cause->message);
    return g_steal_pointer(&catalog);
}
