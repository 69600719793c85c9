#include "snapshot/entry_sql.h"

#include "base/child.h"
#include "base/error.h"
#include "migration/lexer.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A schema with 100,000 tables has about 100 MB of SQL. */
#define MAX_SCRIPT_BYTES ((gsize)1 << 30)
#define READ_BYTES ((size_t)64 * 1024)

static const char *const setting_names[ENTRY_SETTINGS] = {
    "default_tablespace", "default_table_access_method", "search_path"};

static void entry_sql_free(EntrySql *entry)
{
    for (int i = 0; i < ENTRY_SETTINGS; i++)
        g_free(entry->settings[i]);
    g_free(entry->sql);
    g_free(entry->index_sql);
    g_free(entry);
}

void entry_script_free(EntryScript *script)
{
    if (script == NULL)
        return;
    g_hash_table_destroy(script->by_id);
    g_ptr_array_free(script->entries, TRUE);
    g_free(script);
}

EntrySql *entry_script_find(const EntryScript *script, int id)
{
    return g_hash_table_lookup(script->by_id, GINT_TO_POINTER(id));
}

/* ---- taking the output apart ---- */

typedef struct {
    Lexer lexer;
    EntryScript *script;
    EntrySql *entry;   /* announced last; NULL in the preamble */
    GString *sql;      /* of entry */
    const char *begin; /* of the statement that is open; NULL between statements */
    int setting;       /* which one the open statement sets; -1: none */
    char *settings[ENTRY_SETTINGS];
} Split;

static void split_clear(Split *split)
{
    for (int i = 0; i < ENTRY_SETTINGS; i++)
        g_free(split->settings[i]);
    g_string_free(split->sql, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Split, split_clear)

static void finish_entry(Split *split)
{
    if (split->entry != NULL)
        split->entry->sql = g_strndup(split->sql->str, split->sql->len);
    g_string_truncate(split->sql, 0);
    split->entry = NULL;
}

/* "-- TOC entry 217 (class"; 0 if it is another comment. */
static int announced_id(const Token *comment)
{
    static const char words[] = "-- TOC entry ";
    const size_t size = sizeof words - 1;
    g_autofree char *text = NULL;
    char *end = NULL;
    gint64 id = 0;
    if (comment->size <= size || memcmp(comment->start, words, size) != 0)
        return 0;
    text = g_strndup(comment->start + size, MIN(comment->size - size, 40));
    id = g_ascii_strtoll(text, &end, 10);
    return g_str_has_prefix(end, " (class ") && id > 0 && id <= G_MAXINT ? (int)id : 0;
}

static bool begin_entry(Split *split, int id, GError **error)
{
    EntryScript *script = split->script;
    EntrySql *entry = NULL;
    finish_entry(split);
    if (entry_script_find(script, id) != NULL) {
        error_set(error, ERROR_INTEGRITY, "pg_restore wrote entry %d of the archive twice", id);
        return false;
    }
    entry = g_new0(EntrySql, 1);
    entry->id = id;
    for (int i = 0; i < ENTRY_SETTINGS; i++)
        entry->settings[i] = g_strdup(split->settings[i]);
    g_ptr_array_add(script->entries, entry);
    g_hash_table_insert(script->by_id, GINT_TO_POINTER(id), entry);
    split->entry = entry;
    return true;
}

/* The settings are changed before the next entry is announced, that is at the end of the last one.
 */
static int setting_of(const Split *split, const Token *first)
{
    Lexer ahead = split->lexer;
    Token next;
    if (!token_is(first, "set"))
        return -1;
    next = lexer_next(&ahead);
    for (int i = 0; i < ENTRY_SETTINGS; i++) {
        if (token_is(&next, setting_names[i]))
            return i;
    }
    return -1;
}

static void end_statement(Split *split, const char *end)
{
    const gssize size = end - split->begin;
    if (split->setting >= 0) {
        g_free(split->settings[split->setting]);
        split->settings[split->setting] = g_strndup(split->begin, (gsize)size);
    } else if (split->entry != NULL) {
        g_string_append_len(split->sql, split->begin, size);
        g_string_append_c(split->sql, '\n');
        split->entry->statements++;
    }
    split->begin = NULL;
}

/* \restrict and \unrestrict, which are for psql. */
static void skip_line(Lexer *lexer)
{
    while (lexer->at < lexer->end && *lexer->at != '\n')
        lexer->at++;
}

static bool take_token(Split *split, const Token *token, GError **error)
{
    const bool comment = token->kind == TOKEN_LINE_COMMENT || token->kind == TOKEN_BLOCK_COMMENT;
    if (split->begin == NULL) {
        const int id = token->kind == TOKEN_LINE_COMMENT ? announced_id(token) : 0;
        if (id > 0)
            return begin_entry(split, id, error);
        if (token_is_symbol(token, '\\'))
            skip_line(&split->lexer);
        else if (!comment && !token_is_symbol(token, ';')) {
            split->begin = token->start;
            split->setting = setting_of(split, token);
        }
    } else if (token_is_symbol(token, ';')) {
        end_statement(split, token->start + token->size);
    }
    return true;
}

EntryScript *entry_script_split(const char *text, size_t size_bytes, GError **error)
{
    g_auto(Split) split = {.lexer = lexer_on(text, size_bytes), .sql = g_string_new(NULL)};
    g_autoptr(EntryScript) script = g_new0(EntryScript, 1);
    script->entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_sql_free);
    script->by_id = g_hash_table_new(NULL, NULL);
    split.script = script;
    for (;;) {
        const Token token = lexer_next_any(&split.lexer);
        if (token.open || (token.kind == TOKEN_END && split.begin != NULL)) {
            error_set(error, ERROR_INTEGRITY, "the SQL that pg_restore wrote does not end");
            return NULL;
        }
        if (token.kind == TOKEN_END)
            break;
        if (!take_token(&split, &token, error))
            return NULL;
    }
    finish_entry(&split);
    return g_steal_pointer(&script);
}

/* ---- asking pg_restore ---- */

bool entry_is_of_archive(const TocEntry *entry)
{
    static const char *const kinds[] = {"ENCODING", "STDSTRINGS", "SEARCHPATH"};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(entry->desc, kinds[i]) == 0)
            return true;
    }
    return false;
}

bool entry_is_of_database(const TocEntry *entry)
{
    return strcmp(entry->desc, "DATABASE") == 0 ||
           strcmp(entry->desc, "DATABASE PROPERTIES") == 0 ||
           ((strcmp(entry->desc, "ACL") == 0 || strcmp(entry->desc, "COMMENT") == 0 ||
             strcmp(entry->desc, "SECURITY LABEL") == 0) &&
            g_str_has_prefix(entry->tag, "DATABASE "));
}

static bool is_wanted(const TocEntry *entry)
{
    return !entry->has_data && !entry_is_of_database(entry) && !entry_is_of_archive(entry);
}

/* The list is in memory alone, so that nothing is left of it however we end; pg_restore opens it
 * through our own descriptor. */
static int write_list(const Toc *toc, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    const int fd = memfd_create("drydock-list", MFD_CLOEXEC);
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (is_wanted(entry))
            g_string_append_printf(list, "%d;\n", entry->id);
    }
    for (gsize at = 0; fd >= 0 && at < list->len;) {
        const ssize_t n = write(fd, list->str + at, list->len - at);
        if (n <= 0)
            break;
        at += (gsize)n;
        if (at == list->len)
            return fd;
    }
    if (fd >= 0 && list->len == 0)
        return fd;
    error_set_errno(error, errno, "cannot keep a list of the archive's entries");
    if (fd >= 0)
        close(fd);
    return -1;
}

static GString *read_output(Child *child, int64_t latest_us, GError **error)
{
    GString *text = g_string_new(NULL);
    g_autofree char *buffer = g_malloc(READ_BYTES);
    size_t got = 0;
    bool ended = false;
    do {
        if (!child_read(child, buffer, READ_BYTES, latest_us, &got, error)) {
            g_string_free(text, TRUE);
            return NULL;
        }
        g_string_append_len(text, buffer, (gssize)got);
        if (text->len > MAX_SCRIPT_BYTES) {
            error_set(error, ERROR_REFUSED, "the archive's SQL is larger than 1 GiB");
            g_string_free(text, TRUE);
            return NULL;
        }
    } while (got > 0);
    if (child_wait(child, -1, &ended, error) && child_check(child, error))
        return text;
    g_string_free(text, TRUE);
    return NULL;
}

static GString *run_tool(const EntryScriptOptions *options, int list_fd, GError **error)
{
    g_autofree char *list = g_strdup_printf("--use-list=/proc/%d/fd/%d", (int)getpid(), list_fd);
    const char *const argv[] = {options->program, "--verbose", "--file=-", list,
                                options->folder,  NULL};
    g_autoptr(Child) child = child_start_reading(argv, NULL, error);
    return child != NULL ? read_output(child, options->latest_us, error) : NULL;
}

/* A schema that lacks something would not be seen by comparing rows. */
static bool check_complete(const EntryScript *script, const Toc *toc, GError **error)
{
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (!is_wanted(entry) || entry->defn == NULL || entry->defn[0] == '\0' ||
            entry_script_find(script, entry->id) != NULL)
            continue;
        error_set(error, ERROR_INTEGRITY, "pg_restore left out entry %d of the archive (%s)",
                  entry->id, entry->desc);
        return false;
    }
    return true;
}

EntryScript *entry_script_read(const EntryScriptOptions *options, const Toc *toc, GError **error)
{
    g_autoptr(EntryScript) script = NULL;
    GString *text = NULL;
    const int list_fd = write_list(toc, error);
    if (list_fd < 0)
        return NULL;
    text = run_tool(options, list_fd, error);
    close(list_fd);
    if (text != NULL) {
        script = entry_script_split(text->str, text->len, error);
        g_string_free(text, TRUE);
    }
    if (script == NULL || !check_complete(script, toc, error)) {
        g_prefix_error(error, "while asking pg_restore for the SQL of '%s': ", options->folder);
        return NULL;
    }
    return g_steal_pointer(&script);
}
