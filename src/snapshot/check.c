/* Checking a snapshot's bytes against its manifest: those of its folder, or of a tar of it. */
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "snapshot/intake_stream.h"
#include "snapshot/intake_unpack.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"
#include "store/url.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_NAMED 20
#define BLOCK_BYTES ((size_t)256 * 1024)
#define MANIFEST_MAX ((size_t)512 * 1024 * 1024)
#define MAX_LAYERS 3 /* compressed, encrypted, and the tar */

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

/* ---- a tar ---- */

typedef struct {
    HashHex sha256;
    uint64_t size_bytes;
} Member;

typedef struct {
    GHashTable *members; /* char * -> Member *: all but the manifest */
    GString *manifest;   /* NULL before it came */
} Tar;

static void tar_clear(Tar *tar)
{
    g_hash_table_destroy(tar->members);
    if (tar->manifest != NULL)
        g_string_free(tar->manifest, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tar, tar_clear)

static bool read_member(Source *content, Member *member, GString *text, GError **error)
{
    g_autoptr(HashStream) hash = hash_stream_new();
    g_autofree char *block = g_malloc(BLOCK_BYTES);
    for (;;) {
        size_t got = 0;
        if (interrupt_check(error) || !source_read(content, block, BLOCK_BYTES, &got, error))
            return false;
        if (got == 0)
            break;
        hash_stream_update(hash, block, got);
        member->size_bytes += got;
        if (text == NULL)
            continue;
        if (text->len + got > MANIFEST_MAX) {
            error_set(error, ERROR_INTEGRITY, "its manifest is too large");
            return false;
        }
        g_string_append_len(text, block, (gssize)got);
    }
    member->sha256 = hash_stream_end(hash);
    return true;
}

static bool take_member(const char *name, Source *content, gpointer data, GError **error)
{
    Tar *tar = data;
    const bool is_manifest = strcmp(name, MANIFEST_NAME) == 0;
    Member *member = NULL;
    if (is_manifest ? tar->manifest != NULL : g_hash_table_contains(tar->members, name)) {
        g_autofree char *printable = text_printable(name);
        error_set(error, ERROR_INTEGRITY, "there are two members of the name '%s'", printable);
        return false;
    }
    if (is_manifest) {
        Member unused = {0};
        tar->manifest = g_string_new(NULL);
        return read_member(content, &unused, tar->manifest, error);
    }
    member = g_new0(Member, 1);
    g_hash_table_insert(tar->members, g_strdup(name), member);
    return read_member(content, member, NULL, error);
}

static Manifest *parse_manifest(const Tar *tar, GError **error)
{
    g_autoptr(json_t) json = NULL;
    if (tar->manifest == NULL) {
        error_set(error, ERROR_INTEGRITY, "it is no complete snapshot: it has no %s",
                  MANIFEST_NAME);
        return NULL;
    }
    json = json_parse(tar->manifest->str, tar->manifest->len, MANIFEST_NAME, error);
    if (json == NULL && error != NULL)
        error_recode(error, ERROR_INTEGRITY);
    return json != NULL ? manifest_from_json(json, error) : NULL;
}

static void compare_members(const Tar *tar, const Manifest *manifest, GPtrArray *findings)
{
    g_autoptr(GHashTable) listed = listed_names(manifest);
    GHashTableIter iter;
    gpointer name = NULL;
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        const Member *member = g_hash_table_lookup(tar->members, file->name);
        if (member == NULL)
            note(findings, file->name, "is missing");
        else if (member->size_bytes != file->size_bytes ||
                 strcmp(member->sha256.hex, file->sha256.hex) != 0)
            note(findings, file->name, "was changed: its size or SHA-256 differs");
    }
    g_hash_table_iter_init(&iter, tar->members);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!g_hash_table_contains(listed, name))
            note(findings, name, "is not in the manifest");
    }
}

/* What is inside of compression and encryption; takes source. */
static Source *open_layers(Source *source, const AgeIdentities *identities, GError **error)
{
    for (int layer = 0; layer < MAX_LAYERS; layer++) {
        const char *head = NULL;
        size_t size_bytes = 0;
        IntakeMagic magic = MAGIC_UNKNOWN;
        source = intake_peek_new(source);
        if (!intake_peek(source, &head, &size_bytes, error))
            break;
        magic = intake_detect(head, size_bytes);
        if (magic == MAGIC_TAR)
            return source;
        if (magic != MAGIC_AGE && !intake_is_compression(magic)) {
            error_set(error, ERROR_CONFIG, "it is neither a snapshot nor a tar of one");
            break;
        }
        source = magic == MAGIC_AGE ? intake_decrypt_new(source, identities, error)
                                    : intake_decode_new(source, magic);
        if (source == NULL)
            return NULL;
    }
    if (error != NULL && *error == NULL)
        error_set(error, ERROR_CONFIG, "it is encrypted or compressed more than once");
    source_free(source);
    return NULL;
}

static bool check_tar(const char *path, Source *source, uint64_t *size_bytes, int *files,
                      GError **error)
{
    g_auto(Tar) tar = {.members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Manifest) manifest = NULL;
    const bool read = intake_read_tar(source, take_member, &tar, error);
    manifest = read ? parse_manifest(&tar, error) : NULL;
    if (manifest == NULL) {
        g_prefix_error(error, "'%s': ", path);
        return false;
    }
    compare_members(&tar, manifest, findings);
    if (findings->len > 0) {
        set_findings(path, findings, error);
        return false;
    }
    *size_bytes = manifest_size(manifest);
    *files = (int)manifest->files->len;
    return true;
}

static Source *open_bytes(const char *path, GError **error)
{
    int fd = -1;
    if (store_url_is(path))
        return store_url_get(path, error);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return intake_descriptor_new(fd, path);
    error_set_errno(error, errno, "cannot be opened");
    return NULL;
}

bool snapshot_verify_file(const char *path, const AgeIdentities *identities, uint64_t *size_bytes,
                          int *files, GError **error)
{
    Source *source = open_bytes(path, error);
    source = source != NULL ? open_layers(source, identities, error) : NULL;
    if (source != NULL)
        return check_tar(path, source, size_bytes, files, error);
    g_prefix_error(error, "'%s': ", path);
    return false;
}

DigestSet *snapshot_digests(const char *folder, GError **error)
{
    g_autoptr(Manifest) manifest = manifest_read(folder, error);
    return manifest != NULL ? g_steal_pointer(&manifest->digests) : NULL;
}
