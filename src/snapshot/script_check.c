/* What is wrong with a script, before it is run. */
#include "base/error.h"
#include "base/interrupt.h"
#include "snapshot/script_private.h"
#include "snapshot/script_subject.h"
#include <string.h>

#define MAX_STATEMENT_BYTES ((size_t)1000 * 1000 * 1000) /* that the server takes */

static void set_at(const SqlSplitter *splitter, const SqlView *view, GError **error,
                   const char *message)
{
    g_autofree char *where = splitter_place(splitter, view, 0);
    error_set(error, ERROR_CONFIG, "%s: %s", where, message);
}

/* The script has one database, and this is its name; or it is not. */
static bool is_own_database(Script *script, const char *name)
{
    if (script->database == NULL)
        script->database = g_strdup(name);
    return strcmp(script->database, name) == 0;
}

bool script_command(const char *name, const char *rest, gpointer data, GError **error)
{
    ScriptCommands *commands = data;
    g_autofree char *database = NULL;
    if (strcmp(name, "restrict") == 0) {
        if (commands->key != NULL || rest[0] == '\0') {
            error_set(error, ERROR_CONFIG, "'\\restrict' has no key, or is inside of another");
            return false;
        }
        commands->key = g_strdup(rest);
        return true;
    }
    if (strcmp(name, "unrestrict") == 0) {
        if (g_strcmp0(commands->key, rest) != 0) {
            error_set(error, ERROR_CONFIG,
                      "'\\unrestrict' does not fit the '\\restrict' before it");
            return false;
        }
        g_clear_pointer(&commands->key, g_free);
        return true;
    }
    if (commands->key != NULL) {
        error_set(error, ERROR_CONFIG, "'\\%s' stands behind '\\restrict'", name);
        return false;
    }
    /* pg_dump writes this one before it connects to a name that is not simple. */
    if (strcmp(name, "encoding") == 0 && strcmp(rest, "SQL_ASCII") == 0)
        return true;
    database = name[0] == 'c' ? script_connect_name(rest) : NULL;
    if (database != NULL && is_own_database(commands->script, database))
        return true;
    error_set(error, ERROR_CONFIG,
              name[0] == 'c' ? "'\\%s' leads to another database"
                             : "'\\%s' is a command of psql: SET client_encoding says it in SQL",
              name);
    error_hint_set(error, "a script is restored into one database: dump that one with pg_dump");
    return false;
}

static bool refuse_subject(const SqlSplitter *splitter, const SqlView *view, ScriptSubject subject,
                           GError **error)
{
    set_at(splitter, view, error,
           subject == SUBJECT_ROLE ? "the statement is about roles, not about a database's content"
           : subject == SUBJECT_SERVER ? "the statement is about the server, not about a database"
                                       : "the statement is about another database");
    error_hint_set(error, "pg_dumpall writes such scripts: dump the one database with pg_dump");
    return false;
}

static bool check_statement(Script *script, const SqlSplitter *splitter, const SqlView *view,
                            GError **error)
{
    g_autofree char *name = NULL;
    const ScriptSubject subject = script_subject(view, &name);
    if (memchr(view->text, '\0', view->size_bytes) != NULL) {
        set_at(splitter, view, error, "there is a NUL byte in the statement");
        return false;
    }
    if (view->size_bytes > MAX_STATEMENT_BYTES) {
        set_at(splitter, view, error, "the statement is larger than the server takes");
        return false;
    }
    if (subject == SUBJECT_INSIDE)
        return true;
    if (subject != SUBJECT_DATABASE || name == NULL || !is_own_database(script, name))
        return refuse_subject(splitter, view, subject, error);
    if (script_creates_database(view) && script->create_database == NULL)
        script->create_database = g_strdup_printf("%.*s;", (int)view->size_bytes, view->text);
    return true;
}

static bool pass_data(Script *script, SqlSplitter *splitter, GError **error)
{
    const char *data = NULL;
    for (size_t size = 1; size > 0;) {
        if (interrupt_check(error) || !splitter_data(splitter, &data, &size, error))
            return false;
        script_release(script, splitter_at(splitter));
    }
    return true;
}

static bool check_all(Script *script, SqlSplitter *splitter, GError **error)
{
    for (;;) {
        SqlView view;
        bool found = false;
        if (interrupt_check(error) || !splitter_next(splitter, &view, &found, error))
            return false;
        if (!found)
            return true;
        if (!check_statement(script, splitter, &view, error) ||
            (view.has_data && !pass_data(script, splitter, error)))
            return false;
        script_release(script, splitter_at(splitter));
    }
}

bool script_check(Script *script, GError **error)
{
    ScriptCommands commands = {.script = script};
    g_autoptr(SqlSplitter) splitter =
        splitter_open(script->text, script->size_bytes, script->name, script_command, &commands);
    const bool done = check_all(script, splitter, error);
    const bool open = commands.key != NULL;
    g_free(commands.key);
    script->released = 0;
    if (done && open) {
        error_set(error, ERROR_INTEGRITY, "%s: it is torn: '\\restrict' has no '\\unrestrict'",
                  script->name);
        return false;
    }
    return done;
}
