#include "snapshot/script.h"

#include "base/error.h"
#include "base/interrupt.h"
#include "snapshot/script_private.h"
#include "snapshot/script_subject.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RELEASE_BYTES ((size_t)8 * 1024 * 1024)
#define PAGE_BYTES ((size_t)4096)

/* INSERT statements that are sent as one message, which is one transaction: one statement a message
 * and a commit for each would take most of the time. */
#define GROUP_BYTES ((size_t)128 * 1024)
#define GROUP_STATEMENTS 500

/* transaction_timeout is new in 17; pg_dump of 17 sets it to 0 in every script. */
#define TRANSACTION_TIMEOUT_VERSION 170000

typedef struct {
    Script *script;
    PgConnection *connection;
    const ScriptOptions *options;
    SqlSplitter *splitter;
    GArray *group; /* SqlView: INSERT statements that wait */
    size_t group_bytes;
    ScriptCommands commands;
} Running;

/* ---- the file ---- */

void script_release(Script *script, const char *at)
{
    const size_t to = (size_t)(at - script->text) / PAGE_BYTES * PAGE_BYTES;
    if (to < script->released + RELEASE_BYTES)
        return;
    /* The pages are the file's own and clean: they are read again if they are needed again. */
    (void)madvise(script->text + script->released, to - script->released, MADV_DONTNEED);
    script->released = to;
}

static bool map(Script *script, int fd, size_t size_bytes, GError **error)
{
    void *text = MAP_FAILED;
    if (size_bytes == 0)
        return true;
    text = mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED) {
        error_set_errno(error, errno, "cannot map '%s'", script->name);
        return false;
    }
    (void)madvise(text, size_bytes, MADV_SEQUENTIAL);
    script->text = text;
    script->size_bytes = size_bytes;
    return true;
}

static bool open_file(Script *script, const char *path, GError **error)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool done = false;
    if (fd < 0 || fstat(fd, &status) != 0)
        error_set_errno(error, errno, "cannot open '%s'", script->name);
    else if (!S_ISREG(status.st_mode))
        error_set(error, ERROR_CONFIG, "'%s' is no regular file", script->name);
    else
        done = map(script, fd, (size_t)status.st_size, error);
    if (fd >= 0)
        close(fd);
    return done;
}

Script *script_open(const char *path, const char *name, GError **error)
{
    g_autoptr(Script) script = g_new0(Script, 1);
    script->name = g_strdup(name);
    if (!open_file(script, path, error))
        return NULL;
    if (script->text != NULL && !script_check(script, error))
        return NULL;
    return g_steal_pointer(&script);
}

void script_free(Script *script)
{
    if (script == NULL)
        return;
    if (script->text != NULL)
        (void)munmap(script->text, script->size_bytes);
    g_free(script->name);
    g_free(script->database);
    g_free(script->create_database);
    g_free(script);
}

const char *script_database(const Script *script)
{
    return script->database;
}

const char *script_create_database(const Script *script)
{
    return script->create_database;
}

/* ---- errors ---- */

/* Bytes before the 1-based character of an error in a statement; in an encoding of one byte a
 * character, that is what they are. */
static size_t offset_of(const SqlView *view, int position)
{
    const size_t characters = (size_t)MAX(position - 1, 0);
    if (!g_utf8_validate_len(view->text, view->size_bytes, NULL))
        return characters;
    const char *at = view->text;
    const char *end = view->text + view->size_bytes;
    for (size_t i = 0; i < characters && at < end; i++)
        at = g_utf8_next_char(at);
    return (size_t)(at - view->text);
}

/* The server's words are in the script's encoding. */
static bool failed(const Running *run, const SqlView *view, GError **error)
{
    g_autofree char *where = NULL;
    if (error == NULL || *error == NULL)
        return false;
    if (error_is(*error, ERROR_INTERRUPTED))
        return false;
    where = splitter_place(run->splitter, view, offset_of(view, error_position(*error)));
    if (!g_utf8_validate((*error)->message, -1, NULL)) {
        char *valid = g_utf8_make_valid((*error)->message, -1);
        g_free((*error)->message);
        (*error)->message = valid;
    }
    g_prefix_error(error, "%s: ", where);
    return false;
}

static void note(const Running *run, const SqlView *view, const char *what)
{
    g_autofree char *where = splitter_place(run->splitter, view, 0);
    if (run->options->notes != NULL)
        g_ptr_array_add(run->options->notes, g_strdup_printf("%s: %s", where, what));
}

static void tell(const Running *run)
{
    if (run->options->progress != NULL)
        run->options->progress((uint64_t)(splitter_at(run->splitter) - run->script->text),
                               run->script->size_bytes, run->options->data);
}

/* ---- one statement ---- */

static bool feed(const void **bytes, size_t *size_bytes, gpointer data, GError **error)
{
    Running *run = data;
    const char *chunk = NULL;
    /* What was given before has been sent by now. */
    script_release(run->script, splitter_at(run->splitter));
    tell(run);
    if (!splitter_data(run->splitter, &chunk, size_bytes, error))
        return false;
    *bytes = chunk;
    return true;
}

static bool run_copy(Running *run, const SqlView *view, GError **error)
{
    g_autofree char *sql = g_strndup(view->text, view->size_bytes);
    return pg_copy_in(run->connection, sql, feed, run, NULL, error) || failed(run, view, error);
}

static bool run_one(Running *run, const SqlView *view, GError **error)
{
    return pg_statement(run->connection, view->text, view->size_bytes, NULL, 0, NULL, error) ||
           failed(run, view, error);
}

/* ---- groups of INSERT ---- */

static bool run_singly(Running *run, GError **error)
{
    for (guint i = 0; i < run->group->len; i++)
        if (!run_one(run, &g_array_index(run->group, SqlView, i), error))
            return false;
    return true;
}

/* An error in a group takes all of it back; one by one then tells which statement it was. */
static bool run_group(Running *run, GError **error)
{
    g_autoptr(GString) sql = g_string_sized_new(run->group_bytes + run->group->len * 2);
    g_autoptr(GError) cause = NULL;
    for (guint i = 0; i < run->group->len; i++) {
        const SqlView *view = &g_array_index(run->group, SqlView, i);
        g_string_append_len(sql, view->text, (gssize)view->size_bytes);
        g_string_append(sql, ";\n");
    }
    if (pg_statement(run->connection, sql->str, sql->len, NULL, 0, NULL, &cause))
        return true;
    if (error_sqlstate(cause) != NULL && pg_transaction(run->connection) == PG_IDLE)
        return run_singly(run, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return failed(run, &g_array_index(run->group, SqlView, 0), error);
}

static bool flush(Running *run, GError **error)
{
    bool done = true;
    if (run->group->len > 1 && pg_transaction(run->connection) == PG_IDLE)
        done = run_group(run, error);
    else
        done = run_singly(run, error);
    g_array_set_size(run->group, 0);
    run->group_bytes = 0;
    return done;
}

static bool collect(Running *run, const SqlView *view, GError **error)
{
    g_array_append_val(run->group, *view);
    run->group_bytes += view->size_bytes;
    return (run->group->len < GROUP_STATEMENTS && run->group_bytes < GROUP_BYTES) ||
           flush(run, error);
}

/* ---- all of them ---- */

static bool leave_out(const Running *run, const SqlView *view)
{
    g_autofree char *name = NULL;
    if (script_subject(view, &name) != SUBJECT_INSIDE) {
        note(run, view, "a statement about the database itself was left out");
        return true;
    }
    if (script_sets(view, "transaction_timeout") &&
        pg_server_version(run->connection) < TRANSACTION_TIMEOUT_VERSION) {
        note(run, view, "a setting that this server does not know was left out");
        return true;
    }
    return false;
}

static bool run_statement(Running *run, const SqlView *view, GError **error)
{
    if (script_is_insert(view))
        return collect(run, view, error);
    if (!flush(run, error))
        return false;
    if (view->has_data)
        return run_copy(run, view, error);
    return leave_out(run, view) || run_one(run, view, error);
}

/* What a script has not committed is gone with its session. */
static bool check_committed(const Running *run, GError **error)
{
    if (pg_transaction(run->connection) == PG_IDLE)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "%s: it ends inside a transaction: what it did there would be lost",
              run->script->name);
    error_hint_set(error, "it may be torn; if it is not, let it end with COMMIT");
    return false;
}

static bool run_all(Running *run, GError **error)
{
    for (;;) {
        SqlView view;
        bool found = false;
        if (interrupt_check(error) || !splitter_next(run->splitter, &view, &found, error))
            return false;
        if (!found)
            return flush(run, error) && check_committed(run, error);
        if (!run_statement(run, &view, error))
            return false;
        tell(run);
        /* What waits in a group is needed again, at most so much of it. */
        if (run->group->len == 0)
            script_release(run->script, splitter_at(run->splitter));
    }
}

bool script_run(Script *script, PgConnection *connection, const ScriptOptions *options,
                GError **error)
{
    Running run = {.script = script, .connection = connection, .options = options};
    bool done = false;
    if (script->text == NULL)
        return true;
    run.commands.script = script;
    run.splitter = splitter_open(script->text, script->size_bytes, script->name, script_command,
                                 &run.commands);
    run.group = g_array_new(FALSE, FALSE, sizeof(SqlView));
    script->released = 0;
    done = run_all(&run, error);
    g_array_free(run.group, TRUE);
    g_free(run.commands.key);
    splitter_close(run.splitter);
    return done;
}
