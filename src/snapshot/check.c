/* Checking a snapshot's bytes against its manifest. */
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_NAMED 20

static void note(GPtrArray *findings, const char *name, const char *what)
{
    g_autofree char *printable = text_printable(name);
    g_ptr_array_add(findings, g_strdup_printf("'%s' %s", printable, what));
}

/* False only if nothing can be said (a signal); what differs is noted. */
static bool check_file(const char *folder, const ManifestFile *file, GPtrArray *findings,
                       GError **error)
{
    g_autofree char *path = g_build_filename(folder, file->name, NULL);
    g_autoptr(GError) cause = NULL;
    struct stat status;
    HashHex actual;
    uint64_t size_bytes = 0;
    if (interrupt_check(error))
        return false;
    if (lstat(path, &status) != 0) {
        note(findings, file->name, errno == ENOENT ? "is missing" : "cannot be looked at");
    } else if (!S_ISREG(status.st_mode)) {
        note(findings, file->name, "is not a regular file");
    } else if ((uint64_t)status.st_size != file->size_bytes) {
        g_autofree char *what =
            g_strdup_printf("has %" G_GUINT64_FORMAT " bytes, expected %" G_GUINT64_FORMAT,
                            (uint64_t)status.st_size, file->size_bytes);
        note(findings, file->name, what);
    } else if (!hash_file(path, &actual, &size_bytes, &cause)) {
        note(findings, file->name, "cannot be read");
    } else if (strcmp(actual.hex, file->sha256.hex) != 0 || size_bytes != file->size_bytes) {
        note(findings, file->name, "was changed: its SHA-256 differs");
    }
    return true;
}

/* The names belong to the manifest. */
static GHashTable *listed_names(const Manifest *manifest)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_add(names, (gpointer)MANIFEST_NAME);
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        g_hash_table_add(names, file->name);
    }
    return names;
}

static bool check_extra(const char *folder, const Manifest *manifest, GPtrArray *findings,
                        GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) members = g_dir_open(folder, 0, &cause);
    g_autoptr(GHashTable) listed = listed_names(manifest);
    const char *name = NULL;
    if (members == NULL) {
        error_set(error, ERROR_IO, "cannot read folder '%s': %s", folder, cause->message);
        return false;
    }
    while ((name = g_dir_read_name(members)) != NULL) {
        if (!g_hash_table_contains(listed, name))
            note(findings, name, "is not in the manifest");
    }
    return true;
}

static void set_findings(const char *folder, const GPtrArray *findings, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < MIN(findings->len, MAX_NAMED); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "",
                               (const char *)g_ptr_array_index(findings, i));
    if (findings->len > MAX_NAMED)
        g_string_append_printf(text, "; and %u more", findings->len - MAX_NAMED);
    error_set(error, ERROR_INTEGRITY, "snapshot '%s' is damaged: %s", folder, text->str);
    error_hint_set(error, "use another copy of this snapshot; keep this one as evidence");
}

bool snapshot_verify(const char *folder, uint64_t *size_bytes, int *files, GError **error)
{
    g_autoptr(Manifest) manifest = manifest_read(folder, error);
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(g_free);
    if (manifest == NULL)
        return false;
    for (guint i = 0; i < manifest->files->len; i++) {
        log_progress("checking: %u of %u files", i, manifest->files->len);
        if (!check_file(folder, g_ptr_array_index(manifest->files, i), findings, error))
            return false;
    }
    log_progress_end();
    if (!check_extra(folder, manifest, findings, error))
        return false;
    if (findings->len > 0) {
        set_findings(folder, findings, error);
        return false;
    }
    if (size_bytes != NULL)
        *size_bytes = manifest_size(manifest);
    if (files != NULL)
        *files = (int)manifest->files->len;
    return true;
}

DigestSet *snapshot_digests(const char *folder, GError **error)
{
    g_autoptr(Manifest) manifest = manifest_read(folder, error);
    return manifest != NULL ? g_steal_pointer(&manifest->digests) : NULL;
}
