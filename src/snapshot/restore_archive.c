/*
 * Archives of others, and snapshots without row digests: stock pg_restore, section by section, into
 * the database that we have created.
 */
#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "migration/lexer.h"
#include "pg/redact.h"
#include "pg/sql.h"
#include "pg/tools.h"
#include "snapshot/restore_state.h"
#include <string.h>
#include <unistd.h>

#define POLL_MS 200
#define TAIL_BYTES 1000
/* CREATE DATABASE is the first statement that pg_restore writes. */
#define HEAD_BYTES ((size_t)256 * 1024)

/* ---- its words ---- */

/* Lines are let through by what they begin with: what follows the server's message (CONTEXT, the
 * command, the second line of a value) may hold rows. */
char *restore_filter_message(const char *message)
{
    static const char *const allowed[] = {"pg_restore: error: ", "pg_restore: warning: ",
                                          "pg_restore: hint: ", "pg_restore: from TOC entry "};
    /* Behind the severity, which is in the server's language. */
    static const char server_begins[] = ":  ";
    g_auto(GStrv) lines = g_strsplit(message, "\n", -1);
    GString *out = g_string_new(NULL);
    for (char **line = lines; *line != NULL; line++) {
        const char *words = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(allowed) && words == NULL; i++)
            words = g_str_has_prefix(*line, allowed[i]) ? *line + strlen("pg_restore: ") : NULL;
        const char *at = words != NULL ? strstr(words, server_begins) : NULL;
        if (at != NULL) {
            g_autofree char *safe = redact_message("XX000", at + strlen(server_begins), NULL);
            while (at > words && at[-1] != ' ')
                at--;
            g_string_append(out, out->len > 0 ? "; " : "");
            g_string_append_len(out, words, at - words);
            g_string_append(out, safe);
        } else if (words != NULL) {
            g_string_append_printf(out, "%s%s", out->len > 0 ? "; " : "", words);
        }
    }
    return g_string_free(out, FALSE);
}

/* "pg_restore failed with status 1: <its words>" */
static bool check_end(Child *child, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *words = NULL;
    const char *colon = NULL, *tail = NULL;
    if (child_check(child, &cause))
        return true;
    colon = strstr(cause->message, ": ");
    words = restore_filter_message(child_errors(child));
    tail = strlen(words) > TAIL_BYTES ? words + strlen(words) - TAIL_BYTES : words;
    error_set(error, ERROR_CHILD, "%.*s%s%s",
              (int)(colon != NULL ? (size_t)(colon - cause->message) : strlen(cause->message)),
              cause->message, tail[0] != '\0' ? ": " : "", tail);
    return false;
}

/* ---- what database it wants ---- */

/* "ENCODING = 'UTF8' LOCALE_PROVIDER = libc LC_COLLATE = 'C.UTF-8'", of every version. */
static void take_option(DatabaseShape *shape, const char *keyword, char *value)
{
    const struct {
        const char *keyword;
        char **to;
    } options[] = {{"encoding", &shape->encoding},   {"lc_collate", &shape->collate},
                   {"lc_ctype", &shape->ctype},      {"icu_locale", &shape->locale},
                   {"icu_rules", &shape->icu_rules}, {"builtin_locale", &shape->locale}};
    g_autofree char *owned = value;
    if (strcmp(keyword, "locale") == 0) { /* both, unless they are named themselves */
        if (shape->collate == NULL)
            shape->collate = g_strdup(value);
        if (shape->ctype == NULL)
            shape->ctype = g_strdup(value);
    } else if (strcmp(keyword, "locale_provider") == 0) {
        shape->provider = (char)(value[0] == 'l' ? 'c' : value[0]); /* libc, icu, builtin */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (strcmp(keyword, options[i].keyword) == 0) {
            g_free(*options[i].to);
            *options[i].to = g_steal_pointer(&owned);
            return;
        }
    }
}

/* False if there is no CREATE DATABASE in the text (or not all of it). */
bool restore_shape_of_script(const char *text, size_t size_bytes, DatabaseShape *shape)
{
    Lexer lexer = lexer_on(text, size_bytes);
    Token token = lexer_next(&lexer);
    g_autofree char *keyword = NULL;
    bool inside = false;
    for (Token last = token; token.kind != TOKEN_END && !token.open;
         last = token, token = lexer_next(&lexer)) {
        if (!inside) {
            inside = token_is(&token, "database") && token_is(&last, "create");
        } else if (token_is_symbol(&token, ';')) {
            return true;
        } else if (token_is_symbol(&token, '=')) {
            g_free(keyword);
            keyword = last.kind == TOKEN_WORD ? token_name(&last) : NULL;
        } else if (token_is_symbol(&last, '=') && keyword != NULL) {
            char *value = token.kind == TOKEN_STRING ? token_value(&token) : token_name(&token);
            if (value != NULL)
                take_option(shape, keyword, value);
        }
    }
    return false;
}

/* What --create would do, without doing it. An archive of some tables only has no database in it.
 */
static bool read_shape(const Restore *restore, const char *program, DatabaseShape *shape,
                       GError **error)
{
    const char *const argv[] = {
        program, "--create", "--schema-only", "--file=-", restore->options->from->path, NULL};
    g_autoptr(Child) child = child_start_reading(argv, NULL, error);
    g_autofree char *head = g_malloc(HEAD_BYTES);
    size_t size = 0, got = 0;
    bool ended = false;
    if (child == NULL)
        return false;
    do {
        if (!child_read(child, head + size, HEAD_BYTES - size, restore->options->latest_us, &got,
                        error))
            return false;
        size += got;
        if (restore_shape_of_script(head, size, shape))
            return true;
    } while (got > 0 && size < HEAD_BYTES);
    if (got > 0) { /* a large schema without a database */
        child_stop(child);
        return true;
    }
    return child_wait(child, -1, &ended, error) && check_end(child, error);
}

/* ---- running it ---- */

typedef struct {
    const Restore *restore;
    const char *program;
    char **environment;
} Tool;

static bool wait_for_tool(const Tool *tool, Child *child, const char *section, int64_t began_us,
                          GError **error)
{
    const int64_t latest_us = tool->restore->options->latest_us;
    bool ended = false;
    while (!ended) {
        g_autofree char *passed = clock_format_duration(clock_monotonic_us() - began_us);
        if (!child_wait(child, POLL_MS, &ended, error))
            return false;
        if (!ended && latest_us != 0 && clock_monotonic_us() >= latest_us) {
            error_set(error, ERROR_TIMEOUT, "pg_restore was stopped at its time limit");
            return false;
        }
        log_progress("restoring: pg_restore is at %s (%s)", section, passed);
    }
    log_progress_end();
    return check_end(child, error);
}

/* A name with "=" in it would be taken for a connection string: so it is given as one. */
static char *database_option(const char *name)
{
    GString *option = g_string_new("--dbname=dbname='");
    for (; *name != '\0'; name++) {
        if (*name == '\'' || *name == '\\')
            g_string_append_c(option, '\\');
        g_string_append_c(option, *name);
    }
    g_string_append_c(option, '\'');
    return g_string_free(option, FALSE);
}

static bool run_section(const Tool *tool, const char *section, bool parallel, int64_t *took_us,
                        GError **error)
{
    const RestoreOptions *options = tool->restore->options;
    const int64_t began_us = clock_monotonic_us();
    g_autofree char *section_option = g_strdup_printf("--section=%s", section);
    g_autofree char *jobs = g_strdup_printf("--jobs=%d", parallel ? options->jobs : 1);
    g_autofree char *database = database_option(options->database);
    const char *const argv[] = {tool->program,  "--exit-on-error", "--no-password",     jobs,
                                section_option, database,          options->from->path, NULL};
    g_autoptr(Child) child = child_start(argv, (const char *const *)tool->environment, error);
    if (child == NULL || !wait_for_tool(tool, child, section, began_us, error)) {
        g_prefix_error(error, "while restoring the %s section: ", section);
        return false;
    }
    *took_us = clock_monotonic_us() - began_us;
    return true;
}

static bool run_sections(const Tool *tool, RestoreResult *result, GError **error)
{
    if (!run_section(tool, "pre-data", false, &result->pre_data_us, error))
        return false;
    failpoint("restore.in_data");
    if (!run_section(tool, "data", true, &result->data_us, error))
        return false;
    failpoint("restore.after_data");
    return run_section(tool, "post-data", true, &result->post_data_us, error);
}

static bool run_tool(Restore *restore, const char *program, GError **error)
{
    const RestoreOptions *options = restore->options;
    const char *folder = options->passfolder != NULL ? options->passfolder : g_get_tmp_dir();
    g_autofree char *passfile = NULL;
    Tool tool = {.restore = restore, .program = program};
    bool done = false;
    tool.environment =
        pg_target_environment(restore->target, options->control_database, options->application,
                              pg_server_version(restore->control), folder, &passfile, error);
    if (tool.environment == NULL)
        return false;
    done = run_sections(&tool, restore->result, error);
    g_strfreev(tool.environment);
    if (passfile != NULL)
        (void)unlink(passfile);
    return done;
}

/* Table by table: one whose statistics cannot be had is no reason to fail. */
bool restore_analyze_all(Restore *restore, GError **error)
{
    PgConnection *connection = g_ptr_array_index(restore->workers, 0);
    g_autoptr(PgResult) tables = pg_query(connection, error, pg_sql_restore_tables, 0);
    for (int row = 0; tables != NULL && row < pg_rows(tables); row++) {
        TocEntry entry = {.desc = (char *)"TABLE",
                          .schema = (char *)pg_value(tables, row, 0),
                          .tag = (char *)pg_value(tables, row, 1)};
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, &entry);
        log_progress("restoring: gathering statistics, %d of %d", row + 1, pg_rows(tables));
        if (!restore_run_analyze(restore, connection, one, error))
            return false;
    }
    return tables != NULL;
}

bool restore_archive(Restore *restore, GError **error)
{
    const RestoreOptions *options = restore->options;
    g_auto(DatabaseShape) shape = {0};
    g_autofree char *program = pg_tool_find_restore(options->from->dump_version_num,
                                                    options->allow_known_holes, NULL, error);
    if (program == NULL)
        return false;
    if (restore->manifest != NULL)
        database_shape_of(restore->manifest, &shape);
    else if (!read_shape(restore, program, &shape, error))
        return false;
    if (restore->manifest == NULL && options->from->says_more_of_database)
        g_ptr_array_add(restore->result->notes,
                        g_strdup("the archive has settings, access rights or a comment of the "
                                 "database itself, which were left out"));
    return restore_create_database(restore, &shape, error) && run_tool(restore, program, error) &&
           restore_connect_workers(restore, error) && restore_tell_entered(restore, error) &&
           restore_analyze_all(restore, error);
}
