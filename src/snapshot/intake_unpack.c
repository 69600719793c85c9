#include "snapshot/intake_unpack.h"

#include "base/error.h"
#include "snapshot/intake_names.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)128 * 1024)
#define TAR_BLOCK 512
#define TAR_END_BYTES 1024 /* two blocks of zeros */
#define MAX_MEMBERS 2000000

typedef struct {
    const char *kind; /* "tar" */
    struct archive *archive;
    Source *source; /* of a tar; NULL for a zip */
    char *block;
    uint64_t given, zeros; /* bytes that libarchive was given, and zeros at their end */
    GError *cause;         /* of a read that failed below libarchive */

    IntakeSpool *spool;
    const char *folder;
    IntakeMemberFunc each; /* takes the members instead of spool and folder */
    gpointer data;
    IntakeNames names;
    unsigned files;
    IntakeUnpacked *unpacked;
} Unpacking;

static bool torn(Unpacking *own, GError **error)
{
    const char *said = archive_error_string(own->archive);
    if (own->cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&own->cause));
        return false;
    }
    g_autofree char *shown = intake_printable(said != NULL ? said : "no reason given");
    error_set(error, ERROR_INTEGRITY, "the %s is torn or damaged: %s", own->kind, shown);
    return false;
}

static void note_zeros(Unpacking *own, const char *data, size_t size_bytes)
{
    size_t run = 0;
    while (run < size_bytes && data[size_bytes - run - 1] == '\0')
        run++;
    own->zeros = run == size_bytes ? own->zeros + run : run;
    own->given += size_bytes;
}

static la_ssize_t feed(struct archive *archive, void *data, const void **bytes)
{
    Unpacking *own = data;
    size_t got = 0;
    if (own->cause != NULL ||
        !source_read(own->source, own->block, BLOCK_BYTES, &got, &own->cause)) {
        archive_set_error(archive, EIO, "cannot read");
        return ARCHIVE_FATAL;
    }
    note_zeros(own, own->block, got);
    *bytes = own->block;
    return (la_ssize_t)got;
}

/* ---- one member ---- */

typedef struct {
    Source source;
    Unpacking *unpacking;
} Member;

static bool member_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    Unpacking *own = ((Member *)source)->unpacking;
    const la_ssize_t count = archive_read_data(own->archive, data, size_bytes);
    if (count < 0)
        return torn(own, error);
    *got = (size_t)count;
    return true;
}

static void member_clear(Source *source)
{
    ((Member *)source)->unpacking = NULL;
}

static Source *member_new(Unpacking *own)
{
    static const SourceKind kind = {member_read, member_clear};
    Member *member = g_new0(Member, 1);
    member->source.kind = &kind;
    member->unpacking = own;
    return &member->source;
}

static bool refuse_member(const char *name, const char *why, GError **error)
{
    g_autofree char *shown = intake_printable(name);
    error_set(error, ERROR_INTEGRITY, "the member '%s' %s", shown, why);
    return false;
}

static const char *kind_problem(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry) != NULL)
        return "is a link";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        if (archive_entry_is_encrypted(entry))
            return "is encrypted: decrypt it first";
        return archive_entry_sparse_count(entry) > 0 ? "is a sparse file" : NULL;
    case AE_IFDIR:
        return NULL;
    case AE_IFLNK:
        return "is a symbolic link";
    default:
        return "is no regular file";
    }
}

/* Once one member is no part of a dump, it must be the only one. */
static bool note_member(Unpacking *own, const char *name, char **path, GError **error)
{
    const bool belongs = intake_is_dump_member(name);
    if (++own->files > MAX_MEMBERS)
        return refuse_member(name, "is one too many", error);
    if (own->unpacked->member != NULL || (!belongs && own->files > 1))
        return refuse_member(belongs ? "of another name" : name,
                             "is neither part of a dump's folder nor the only one", error);
    if (strcmp(name, "restore.sql") == 0)
        own->unpacked->is_pg_dump_tar = true;
    *path = g_build_filename(own->folder, belongs ? name : "member", NULL);
    if (!belongs)
        own->unpacked->member = g_strdup(*path);
    return true;
}

static bool take_file(Unpacking *own, struct archive_entry *entry, const char *name, GError **error)
{
    g_autofree char *path = NULL;
    g_autoptr(Source) member = NULL;
    if (!note_member(own, name, &path, error))
        return false;
    if (archive_entry_size_is_set(entry) &&
        !intake_spool_allows(own->spool, (uint64_t)MAX(archive_entry_size(entry), 0), error))
        return false;
    member = member_new(own);
    return intake_spool_write(own->spool, path, member, error);
}

static bool show_file(Unpacking *own, const char *name, GError **error)
{
    g_autoptr(Source) member = NULL;
    if (++own->files > MAX_MEMBERS)
        return refuse_member(name, "is one too many", error);
    member = member_new(own);
    return own->each(name, member, own->data, error);
}

static bool take(Unpacking *own, struct archive_entry *entry, GError **error)
{
    const char *raw = archive_entry_pathname(entry);
    const char *name = raw != NULL ? raw : archive_entry_pathname_utf8(entry);
    const char *problem = kind_problem(entry);
    g_autofree char *file = NULL;
    if (name == NULL)
        return refuse_member("?", "has a name that cannot be read", error);
    if (problem != NULL)
        return refuse_member(name, problem, error);
    if (!intake_names_add(&own->names, name, archive_entry_filetype(entry) == AE_IFDIR, &file,
                          error))
        return false;
    if (file == NULL)
        return true;
    return own->each != NULL ? show_file(own, file, error) : take_file(own, entry, file, error);
}

/* *data_end gets where the last member's data end. */
static bool take_all(Unpacking *own, uint64_t *data_end, GError **error)
{
    for (;;) {
        struct archive_entry *entry = NULL;
        const int state = archive_read_next_header(own->archive, &entry);
        if (state == ARCHIVE_EOF)
            return true;
        if (state != ARCHIVE_OK && state != ARCHIVE_WARN)
            return torn(own, error);
        if (!take(own, entry, error))
            return false;
        *data_end = (uint64_t)archive_filter_bytes(own->archive, 0);
    }
}

/* ---- the whole ---- */

/* libarchive takes the end of the bytes for the end of a tar. It has one of its own: two blocks of
 * zeros, and nothing but zeros behind them. */
static bool check_tar_end(Unpacking *own, uint64_t data_end, GError **error)
{
    const uint64_t end = (data_end + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    size_t got = 0;
    do {
        if (!source_read(own->source, own->block, BLOCK_BYTES, &got, error))
            return false;
        note_zeros(own, own->block, got);
    } while (got > 0);
    if (own->given < end + TAR_END_BYTES) {
        error_set(error, ERROR_INTEGRITY, "the tar is torn: it has no end mark");
        return false;
    }
    if (own->zeros >= own->given - end)
        return true;
    error_set(error, ERROR_INTEGRITY, "the tar is damaged: something follows its end mark");
    return false;
}

/* libarchive gives names in the thread's character set, and no name at all where that lacks a
 * character of it. */
static bool take_all_as_utf8(Unpacking *own, uint64_t *data_end, GError **error)
{
    const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t before = uselocale(utf8);
    const bool done = take_all(own, data_end, error);
    (void)uselocale(before);
    if (utf8 != (locale_t)0)
        freelocale(utf8);
    return done;
}

static bool unpack(Unpacking *own, GError **error)
{
    uint64_t data_end = 0;
    if (!take_all_as_utf8(own, &data_end, error))
        return false;
    if (own->source != NULL && !check_tar_end(own, data_end, error))
        return false;
    if (own->files > 0)
        return true;
    error_set(error, ERROR_CONFIG, "the %s has no files in it", own->kind);
    return false;
}

static void release(Unpacking *own)
{
    archive_read_free(own->archive);
    source_free(own->source);
    g_free(own->block);
    g_clear_error(&own->cause);
    intake_names_clear(&own->names);
}

static bool unpack_tar(Unpacking *own, GError **error)
{
    bool done = false;
    own->kind = "tar";
    own->archive = archive_read_new();
    own->block = g_malloc(BLOCK_BYTES);
    intake_names_init(&own->names);
    (void)archive_read_support_format_tar(own->archive);
    done = archive_read_open(own->archive, own, NULL, feed, NULL) == ARCHIVE_OK ? unpack(own, error)
                                                                                : torn(own, error);
    release(own);
    return done;
}

bool intake_unpack_tar(IntakeSpool *spool, Source *source, const char *folder,
                       IntakeUnpacked *unpacked, GError **error)
{
    Unpacking own = {.source = source, .spool = spool, .folder = folder, .unpacked = unpacked};
    return unpack_tar(&own, error);
}

bool intake_read_tar(Source *source, IntakeMemberFunc each, gpointer data, GError **error)
{
    Unpacking own = {.source = source, .each = each, .data = data};
    return unpack_tar(&own, error);
}

bool intake_unpack_zip(IntakeSpool *spool, const char *path, const char *folder,
                       IntakeUnpacked *unpacked, GError **error)
{
    Unpacking own = {.kind = "zip", .spool = spool, .folder = folder, .unpacked = unpacked};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool done = false;
    if (fd < 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
        return false;
    }
    own.archive = archive_read_new();
    intake_names_init(&own.names);
    /* The directory at its end alone tells what a member is. */
    (void)archive_read_support_format_zip_seekable(own.archive);
    done = archive_read_open_fd(own.archive, fd, BLOCK_BYTES) == ARCHIVE_OK ? unpack(&own, error)
                                                                            : torn(&own, error);
    release(&own);
    close(fd);
    return done;
}
