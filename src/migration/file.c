#include "migration/file.h"

#include "base/error.h"
#include "base/file.h"
#include <string.h>

static const char *const part_ends[] = {".up.sql", ".down.sql", ".verify.sql", ".repeat.sql"};

bool migration_is_id(const char *text)
{
    return strlen(text) == MIGRATION_ID_DIGITS && strspn(text, "0123456789") == MIGRATION_ID_DIGITS;
}

const char *migration_name_fault(const char *name, bool repeatable)
{
    if (*name == '\0')
        return "it is empty";
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
        strlen(name))
        return "its name has other characters than letters, digits, '-' and '_'";
    if (strlen(name) > MIGRATION_NAME_BYTES)
        return "its name is longer than 200 characters";
    /* So that it is never taken for an id, and no versioned migration is made repeatable by a slip.
     */
    if (repeatable && !g_ascii_isalpha(*name))
        return "the name of a repeatable one begins with a letter";
    return NULL;
}

bool migration_file_passed_over(const char *file_name)
{
    g_autofree char *lower = g_ascii_strdown(file_name, -1);
    return lower[0] == '.' || g_str_has_prefix(lower, "readme") || g_str_has_suffix(lower, "~") ||
           strstr(lower, ".sql") == NULL;
}

void migration_file_name_clear(MigrationFileName *name)
{
    g_clear_pointer(&name->id, g_free);
    g_clear_pointer(&name->name, g_free);
}

static bool part_of(const char *file_name, MigrationPart *part, size_t *stem_size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(part_ends); i++) {
        if (!g_str_has_suffix(file_name, part_ends[i]))
            continue;
        *part = (MigrationPart)i;
        *stem_size = strlen(file_name) - strlen(part_ends[i]);
        return true;
    }
    return false;
}

bool migration_file_name_parse(const char *file_name, MigrationFileName *out, char **why)
{
    size_t stem_size = 0;
    MigrationPart part;
    *why = NULL;
    if (!part_of(file_name, &part, &stem_size)) {
        *why = g_strdup("it does not end in .up.sql, .down.sql, .verify.sql or .repeat.sql");
        return false;
    }
    g_autofree char *stem = g_strndup(file_name, stem_size);
    out->part = part;
    if (part == MIGRATION_REPEAT) {
        *why = g_strdup(migration_name_fault(stem, true));
        out->name = g_strdup(stem);
        return *why == NULL;
    }
    const size_t digits = strspn(stem, "0123456789");
    if (digits != MIGRATION_ID_DIGITS)
        *why =
            g_strdup_printf("it begins with %zu digits, not with %d", digits, MIGRATION_ID_DIGITS);
    else if (stem[digits] != '-' || stem[digits + 1] == '\0')
        *why = g_strdup("after the digits stand a hyphen and a name");
    else
        *why = g_strdup(migration_name_fault(stem + digits + 1, false));
    if (*why != NULL)
        return false;
    out->id = g_strndup(stem, digits);
    out->name = g_strdup(stem + digits + 1);
    return true;
}

HashHex migration_canonical_hash(const char *sql, size_t size_bytes)
{
    g_autoptr(GString) text = g_string_sized_new(size_bytes + 1);
    size_t content = 0; /* length up to the last character that is not blank */
    size_t i = size_bytes >= 3 && memcmp(sql, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t line_content = 0; /* the same within this line */
    for (; i < size_bytes; i++) {
        const bool feed = sql[i] == '\n' || sql[i] == '\r';
        if (feed && sql[i] == '\r' && i + 1 < size_bytes && sql[i + 1] == '\n')
            i++;
        if (feed)
            g_string_truncate(text, line_content);
        g_string_append_c(text, feed ? '\n' : sql[i]);
        if (feed || strchr(" \t\f\v", sql[i]) == NULL)
            line_content = text->len;
        if (!feed && line_content == text->len)
            content = text->len;
    }
    g_string_truncate(text, content);
    if (content > 0)
        g_string_append_c(text, '\n');
    return hash_bytes(text->str, text->len);
}

bool migration_file_load(MigrationFile *file, const char *path, Directives *directives,
                         GError **error)
{
    g_autofree char *sql = NULL;
    size_t size = 0;
    /* A pipe would block the one who opens it. */
    if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        error_set(error, ERROR_CONFIG, "%s: is not a file", path);
        return false;
    }
    if (!file_read(path, MIGRATION_FILE_BYTES, &sql, &size, error))
        return false;
    directives->path = path;
    file->path = g_strdup(path);
    file->sha256 = hash_bytes(sql, size);
    file->canonical = migration_canonical_hash(sql, size);
    file->commits = g_array_new(FALSE, FALSE, sizeof(CommitMark));
    file->statements = splitter_split_noting(sql, size, path, directives_note, directives, error);
    return file->statements != NULL && directives_finish(directives, error);
}

void migration_file_clear(MigrationFile *file)
{
    g_clear_pointer(&file->path, g_free);
    g_clear_pointer(&file->statements, g_ptr_array_unref);
    g_clear_pointer(&file->commits, g_array_unref);
}
