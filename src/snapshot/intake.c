#include "snapshot/intake.h"

#include "base/error.h"
#include "base/file.h"
#include "snapshot/entry_sql.h"
#include "snapshot/intake_custom.h"
#include "snapshot/intake_folder.h"
#include "snapshot/intake_script.h"
#include "snapshot/intake_spool.h"
#include "snapshot/intake_stream.h"
#include "snapshot/intake_unpack.h"
#include "store/url.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CONTAINERS 2 /* a tar of pg_dump in a zip */

/* What is being looked at; from outside to inside. */
typedef struct {
    const IntakeOptions *options;
    Intake *intake;
    IntakeSpool *spool; /* once something must be written */
    GPtrArray *layers;  /* const char *: names of what was opened, the innermost first */
    unsigned containers;
    unsigned spooled; /* files, for their names */
} Opening;

/* A file, or a stream that is no file: what is there to be looked at next. */
typedef struct {
    Source *source;
    const char *path;       /* NULL if it must be spooled to be a file */
    IntakeMagic compressed; /* in what it was, at this level; MAGIC_EMPTY: in nothing */
    bool decrypted;
} Stage;

static bool open_stage(Opening *opening, Stage stage, GError **error);

void intake_free(Intake *intake)
{
    if (intake == NULL)
        return;
    if (intake->spool != NULL)
        (void)file_remove_tree(intake->spool, NULL);
    g_free(intake->given);
    g_free(intake->description);
    g_free(intake->path);
    g_free(intake->spool);
    g_free(intake->database);
    manifest_free(intake->manifest);
    toc_free(intake->toc);
    g_free(intake);
}

/* ---- places ---- */

/* A path in the spool, which is made when it is first needed. */
static char *spool_path(Opening *opening, const char *what, GError **error)
{
    g_autofree char *name = g_strdup_printf("%u-%s", ++opening->spooled, what);
    if (opening->spool == NULL)
        opening->spool =
            intake_spool_new(opening->options->spool_parent, opening->options->max_bytes, error);
    return opening->spool != NULL
               ? g_build_filename(intake_spool_folder(opening->spool), name, NULL)
               : NULL;
}

/* Where the stage's bytes are as a file: where they lie, or written into the spool. */
static char *as_file(Opening *opening, const Stage *stage, const char *what, GError **error)
{
    g_autofree char *path = NULL;
    if (stage->path != NULL)
        return g_strdup(stage->path);
    path = spool_path(opening, what, error);
    if (path == NULL || !intake_spool_write(opening->spool, path, stage->source, error))
        return NULL;
    return g_steal_pointer(&path);
}

/* ---- what it turned out to be ---- */

static char *describe(const Opening *opening, const char *what)
{
    GString *text = g_string_new(what);
    for (guint i = 0; i < opening->layers->len; i++)
        g_string_append_printf(text, ", in %s", (char *)g_ptr_array_index(opening->layers, i));
    return g_string_free(text, FALSE);
}

static void found(Opening *opening, IntakeKind kind, const char *what, char *path)
{
    opening->intake->kind = kind;
    opening->intake->description = describe(opening, what);
    opening->intake->path = path;
}

static void take_facts(Intake *intake, const Toc *toc)
{
    const char *version = toc->dump_version != NULL ? toc->dump_version : "";
    intake->database = g_strdup(toc->database);
    intake->dump_version_num = (int)CLAMP(g_ascii_strtoll(version, NULL, 10), 0, 999) * 10000;
    for (guint i = 0; i < toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (entry_is_of_database(entry) && strcmp(entry->desc, "DATABASE") != 0)
            intake->says_more_of_database = true;
    }
}

static bool file_size(const char *path, uint64_t *size_bytes, GError **error)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        error_set_errno(error, errno, "cannot look at it");
        return false;
    }
    *size_bytes = (uint64_t)status.st_size;
    return true;
}

static bool open_folder(Opening *opening, const char *path, const char *what, GError **error)
{
    IntakeFolder folder = {0};
    const bool done = intake_folder_read(path, &folder, error);
    if (done) {
        take_facts(opening->intake, folder.toc);
        opening->intake->size_bytes = folder.size_bytes;
        if (folder.manifest != NULL) {
            g_free(opening->intake->database);
            opening->intake->database = g_strdup(folder.manifest->database);
            opening->intake->manifest = g_steal_pointer(&folder.manifest);
        } else {
            opening->intake->toc = g_steal_pointer(&folder.toc);
        }
        found(opening, opening->intake->manifest != NULL ? INTAKE_SNAPSHOT : INTAKE_ARCHIVE,
              opening->intake->manifest != NULL ? "a snapshot of drydock" : what, g_strdup(path));
    }
    intake_folder_clear(&folder);
    return done;
}

static bool open_custom(Opening *opening, const Stage *stage, GError **error)
{
    g_autofree char *path = as_file(opening, stage, "archive.dump", error);
    g_autoptr(Toc) toc = path != NULL ? intake_custom_read(path, error) : NULL;
    if (toc == NULL || !file_size(path, &opening->intake->size_bytes, error))
        return false;
    take_facts(opening->intake, toc);
    opening->intake->toc = g_steal_pointer(&toc);
    found(opening, INTAKE_ARCHIVE, "a pg_dump custom archive", g_steal_pointer(&path));
    return true;
}

static bool open_script(Opening *opening, const Stage *stage, GError **error)
{
    IntakeScript script = {0};
    g_autofree char *path = as_file(opening, stage, "script.sql", error);
    if (path == NULL || !intake_script_read(path, &script, error) ||
        !file_size(path, &opening->intake->size_bytes, error))
        return false;
    opening->intake->database = script.database;
    opening->intake->dump_version_num = script.dump_version_num;
    found(opening, INTAKE_SCRIPT, "a plain SQL script", g_steal_pointer(&path));
    return true;
}

/* ---- containers ---- */

static int open_regular(const char *path, GError **error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        error_set_errno(error, errno, "cannot open '%s'", path);
    return fd;
}

/* The only member, which may be compressed again. It is not needed any more once it was unpacked
 * from. */
static bool open_member(Opening *opening, const char *path, GError **error)
{
    Stage stage = {.path = path, .compressed = MAGIC_EMPTY};
    const int fd = open_regular(path, error);
    if (fd < 0)
        return false;
    stage.source = intake_descriptor_new(fd, path);
    if (!open_stage(opening, stage, error))
        return false;
    if (strcmp(opening->intake->path, path) != 0)
        (void)unlink(path);
    return true;
}

static bool unpack(Opening *opening, Stage *stage, IntakeMagic magic, const char *folder,
                   IntakeUnpacked *unpacked, GError **error)
{
    g_autofree char *zip = NULL;
    if (magic == MAGIC_TAR)
        return intake_unpack_tar(opening->spool, g_steal_pointer(&stage->source), folder, unpacked,
                                 error);
    zip = as_file(opening, stage, "input.zip", error);
    if (zip == NULL || !intake_unpack_zip(opening->spool, zip, folder, unpacked, error))
        return false;
    if (stage->path == NULL)
        (void)unlink(zip);
    return true;
}

/* pg_dump's tar is made a directory of pg_dump, which can be restored by several workers. */
static bool open_unpacked_folder(Opening *opening, const char *folder, bool is_pg_dump_tar,
                                 GError **error)
{
    if (!is_pg_dump_tar)
        return open_folder(opening, folder, "a pg_dump directory archive", error);
    if (!intake_folder_from_tar(folder, error))
        return false;
    /* It is the tar itself, not a directory in a tar. */
    g_ptr_array_remove_index(opening->layers, 0);
    return open_folder(opening, folder, "a pg_dump tar archive", error);
}

static bool open_container(Opening *opening, Stage *stage, IntakeMagic magic, GError **error)
{
    IntakeUnpacked unpacked = {0};
    g_autofree char *folder = NULL;
    g_autofree char *member = NULL;
    uint64_t size_bytes = 0;
    bool existed = false;
    if (++opening->containers > MAX_CONTAINERS) {
        error_set(error, ERROR_CONFIG, "it is an archive in an archive in an archive");
        return false;
    }
    folder = spool_path(opening, "unpacked", error);
    if (folder == NULL || !file_make_new_folder(folder, &existed, error))
        return false;
    if (stage->path != NULL && magic == MAGIC_TAR &&
        (!file_size(stage->path, &size_bytes, error) ||
         !intake_spool_allows(opening->spool, size_bytes, error)))
        return false;
    g_ptr_array_insert(opening->layers, 0, (gpointer)intake_magic_name(magic));
    if (!unpack(opening, stage, magic, folder, &unpacked, error)) {
        g_free(unpacked.member);
        return false;
    }
    member = unpacked.member;
    return member != NULL ? open_member(opening, member, error)
                          : open_unpacked_folder(opening, folder, unpacked.is_pg_dump_tar, error);
}

/* ---- one stage ---- */

static bool refuse_magic(IntakeMagic magic, GError **error)
{
    switch (magic) {
    case MAGIC_EMPTY:
        error_set(error, ERROR_CONFIG, "it is empty");
        break;
    case MAGIC_PGP:
        error_set(error, ERROR_CONFIG, "it is encrypted");
        error_hint_set(error, "decrypt it first, with the program that encrypted it");
        break;
    case MAGIC_TOC:
        error_set(error, ERROR_CONFIG, "it is the table of contents of a dump, without its data");
        error_hint_set(error, "name the folder that it lies in");
        break;
    case MAGIC_UTF16:
        error_set(error, ERROR_CONFIG, "it is UTF-16 text, which no server reads");
        error_hint_set(error, "iconv -f UTF-16 -t UTF-8 makes it readable");
        break;
    case MAGIC_TEXT:
        error_set(error, ERROR_CONFIG, "it is text, and does not begin as SQL does");
        break;
    default:
        error_set(error, ERROR_CONFIG,
                  "it is nothing that can be restored: no snapshot, no archive of pg_dump, no SQL, "
                  "and none of them in gzip, zstd, xz, lz4, bzip2, tar or zip");
        break;
    }
    return false;
}

static bool open_compressed(Opening *opening, Stage *stage, IntakeMagic magic, GError **error)
{
    Stage inner = {.path = NULL, .compressed = magic, .decrypted = stage->decrypted};
    if (stage->compressed != MAGIC_EMPTY) {
        error_set(error, ERROR_CONFIG, "it is compressed twice: %s in %s", intake_magic_name(magic),
                  intake_magic_name(stage->compressed));
        error_hint_set(error, "decompress it once");
        return false;
    }
    g_ptr_array_insert(opening->layers, 0, (gpointer)intake_magic_name(magic));
    inner.source = intake_decode_new(g_steal_pointer(&stage->source), magic);
    return open_stage(opening, inner, error);
}

/* What is in it is looked at as if it were not encrypted: compressed before or not at all. */
static bool open_encrypted(Opening *opening, Stage *stage, GError **error)
{
    Stage inner = {.path = NULL, .compressed = stage->compressed, .decrypted = true};
    if (stage->decrypted) {
        error_set(error, ERROR_CONFIG, "it is encrypted twice");
        error_hint_set(error, "decrypt it once");
        return false;
    }
    g_ptr_array_insert(opening->layers, 0, (gpointer)intake_magic_name(MAGIC_AGE));
    inner.source =
        intake_decrypt_new(g_steal_pointer(&stage->source), opening->options->identities, error);
    return inner.source != NULL && open_stage(opening, inner, error);
}

static bool open_as(Opening *opening, Stage *stage, IntakeMagic magic, GError **error)
{
    switch (magic) {
    case MAGIC_CUSTOM:
        return open_custom(opening, stage, error);
    case MAGIC_SQL:
        return open_script(opening, stage, error);
    case MAGIC_TAR:
    case MAGIC_ZIP:
        return open_container(opening, stage, magic, error);
    case MAGIC_AGE:
        return open_encrypted(opening, stage, error);
    default:
        return intake_is_compression(magic) ? open_compressed(opening, stage, magic, error)
                                            : refuse_magic(magic, error);
    }
}

/* Takes the stage's source. */
static bool open_stage(Opening *opening, Stage stage, GError **error)
{
    const char *head = NULL;
    size_t size = 0;
    bool done = false;
    stage.source = intake_peek_new(stage.source);
    done = intake_peek(stage.source, &head, &size, error) &&
           open_as(opening, &stage, intake_detect(head, size), error);
    source_free(stage.source);
    return done;
}

/* ---- what was named ---- */

static bool open_named(Opening *opening, GError **error)
{
    Stage stage = {.compressed = MAGIC_EMPTY};
    struct stat status;
    g_autofree char *path = NULL;
    char *real = realpath(opening->options->from, NULL);
    int fd = -1;
    path = g_strdup(real);
    free(real);
    if (path == NULL || stat(path, &status) != 0) {
        error_set(error, ERROR_CONFIG, "cannot be opened: %s", g_strerror(errno));
        return false;
    }
    if (S_ISDIR(status.st_mode))
        return open_folder(opening, path, "a pg_dump directory archive", error);
    fd = open_regular(path, error);
    if (fd < 0)
        return false;
    stage.path = S_ISREG(status.st_mode) ? path : NULL;
    stage.source = intake_descriptor_new(fd, path);
    return open_stage(opening, stage, error);
}

/* It is spooled, since what reads it wants to go back and forth. */
static bool open_url(Opening *opening, GError **error)
{
    Stage stage = {.compressed = MAGIC_EMPTY};
    stage.source = store_url_get(opening->options->from, error);
    return stage.source != NULL && open_stage(opening, stage, error);
}

static bool open_standard_input(Opening *opening, GError **error)
{
    const int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    Stage stage = {.compressed = MAGIC_EMPTY};
    if (fd < 0) {
        error_set_errno(error, errno, "cannot read");
        return false;
    }
    if (isatty(fd)) {
        close(fd);
        error_set(error, ERROR_CONFIG, "it is a terminal");
        error_hint_set(error, "pipe an archive in, or name a file");
        return false;
    }
    stage.source = intake_descriptor_new(fd, "standard input");
    return open_stage(opening, stage, error);
}

Intake *intake_open(const IntakeOptions *options, GError **error)
{
    g_autoptr(Intake) intake = g_new0(Intake, 1);
    g_autoptr(IntakeSpool) spool = NULL;
    Opening opening = {.options = options, .intake = intake};
    const bool is_stream = strcmp(options->from, "-") == 0;
    bool done = false;
    intake->given = g_strdup(is_stream ? "standard input" : options->from);
    opening.layers = g_ptr_array_new();
    if (store_url_is(options->from))
        done = open_url(&opening, error);
    else
        done = is_stream ? open_standard_input(&opening, error) : open_named(&opening, error);
    spool = opening.spool;
    g_ptr_array_unref(opening.layers);
    if (!done) {
        g_prefix_error(error, "'%s': ", intake->given);
        return NULL;
    }
    if (spool != NULL)
        intake->spool = intake_spool_keep(spool);
    return g_steal_pointer(&intake);
}
