#include "snapshot/toc.h"

#include "base/error.h"
#include <limits.h>
#include <string.h>

/* Bounds of what an archive may claim. Its data are not in them; ten million entries are a database
 * of millions of tables or (up to PostgreSQL 16) large objects. pg_restore takes memory for every
 * id up to the highest. */
#define MAX_BYTES ((uint64_t)1 << 30)
#define MAX_ENTRIES 10000000
#define MAX_ID 20000000
#define MAX_DEPENDENCIES 1000000

/* A text is asked for in pieces, so that a length takes no memory before its bytes are there. */
#define PIECE_BYTES ((size_t)256 * 1024)

enum { FORMAT_CUSTOM = 1, FORMAT_TAR = 3 };

typedef struct {
    TocReadFunc read;
    gpointer source;
    uint64_t at;      /* bytes that were read */
    uint64_t item_at; /* where the present item begins */
    int format;
    int entry, entries; /* 0 of 0 in the header */
} Reader;

/* ---- items ---- */

static char *place(const Reader *reader)
{
    return reader->entry > 0 ? g_strdup_printf("at byte %" G_GUINT64_FORMAT ", entry %d of %d",
                                               reader->item_at, reader->entry, reader->entries)
                             : g_strdup_printf("at byte %" G_GUINT64_FORMAT, reader->item_at);
}

static bool malformed(const Reader *reader, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static bool malformed(const Reader *reader, GError **error, const char *format, ...)
{
    g_autofree char *where = place(reader);
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    error_set(error, ERROR_INTEGRITY, "the table of contents is malformed %s: %s", where, what);
    return false;
}

static bool take(Reader *reader, void *data, size_t size_bytes, GError **error)
{
    if (size_bytes > MAX_BYTES - reader->at)
        return malformed(reader, error, "it is longer than a GiB");
    if (size_bytes > 0 && !reader->read(data, size_bytes, reader->source, error)) {
        g_autofree char *where = place(reader);
        g_prefix_error(error, "while reading the table of contents %s: ", where);
        return false;
    }
    reader->at += size_bytes;
    return true;
}

static bool read_byte(Reader *reader, int lowest, int highest, const char *what, int *value,
                      GError **error)
{
    guint8 byte = 0;
    reader->item_at = reader->at;
    if (!take(reader, &byte, 1, error))
        return false;
    *value = byte;
    return (byte >= lowest && byte <= highest) || malformed(reader, error, "%s is %d", what, byte);
}

/* A sign, then the magnitude, the lowest byte first: ReadInt(). Only what WriteInt() writes is
 * taken. */
static bool read_int(Reader *reader, int lowest, int highest, const char *what, int *value,
                     GError **error)
{
    guint8 bytes[5] = {0};
    reader->item_at = reader->at;
    if (!take(reader, bytes, sizeof bytes, error))
        return false;
    const uint32_t magnitude = (uint32_t)bytes[1] | (uint32_t)bytes[2] << 8 |
                               (uint32_t)bytes[3] << 16 | (uint32_t)bytes[4] << 24;
    if (bytes[0] > 1 || magnitude > INT_MAX || (bytes[0] == 1 && magnitude == 0))
        return malformed(reader, error, "%s is no number", what);
    *value = bytes[0] == 1 ? -(int)magnitude : (int)magnitude;
    return (*value >= lowest && *value <= highest) ||
           malformed(reader, error, "%s is %d", what, *value);
}

static char *read_pieces(Reader *reader, size_t size_bytes, GError **error)
{
    size_t capacity = MIN(size_bytes, PIECE_BYTES), got = 0;
    g_autofree char *text = g_malloc(capacity + 1);
    while (got < size_bytes) {
        if (got == capacity) {
            capacity = MIN(size_bytes, 2 * capacity);
            text = g_realloc(text, capacity + 1);
        }
        const size_t piece_bytes = MIN(capacity - got, PIECE_BYTES);
        if (!take(reader, text + got, piece_bytes, error))
            return NULL;
        got += piece_bytes;
    }
    text[size_bytes] = '\0';
    return g_steal_pointer(&text);
}

static bool read_text(Reader *reader, const char *what, char **value, GError **error)
{
    int size_bytes = 0;
    g_autofree char *length = g_strconcat("the length of ", what, NULL);
    if (!read_int(reader, -1, INT_MAX, length, &size_bytes, error))
        return false;
    *value = NULL;
    if (size_bytes < 0)
        return true;
    if ((uint64_t)size_bytes > MAX_BYTES - reader->at)
        return malformed(reader, error, "%s is %d", length, size_bytes);
    *value = read_pieces(reader, (size_t)size_bytes, error);
    if (*value == NULL)
        return false;
    return memchr(*value, '\0', (size_t)size_bytes) == NULL ||
           malformed(reader, error, "%s has a zero byte in it", what);
}

static bool read_required(Reader *reader, const char *what, char **value, GError **error)
{
    return read_text(reader, what, value, error) &&
           (*value != NULL || malformed(reader, error, "%s is missing", what));
}

static bool read_oid(Reader *reader, const char *what, char **value, GError **error)
{
    guint64 number = 0;
    return read_required(reader, what, value, error) &&
           (g_ascii_string_to_unsigned(*value, 10, 0, UINT32_MAX, &number, NULL) ||
            malformed(reader, error, "%s is no number", what));
}

/* ---- header ---- */

static bool read_version(Reader *reader, Toc *toc, GError **error)
{
    int major = 0;
    if (!read_byte(reader, 0, 255, "version", &major, error) ||
        !read_byte(reader, 0, 255, "version", &toc->minor, error) ||
        !read_byte(reader, 0, 255, "version", &toc->revision, error))
        return false;
    if (major == 1 && toc->minor >= 14 && toc->minor <= 16)
        return true;
    error_set(error, ERROR_REFUSED, "the archive is of version %d.%d, which is not known", major,
              toc->minor);
    error_hint_set(error, "archives of pg_dump 12 to 18 are (versions 1.14 to 1.16)");
    return false;
}

static bool read_format(Reader *reader, Toc *toc, GError **error)
{
    if (!read_byte(reader, 4, 4, "the size of a number", &toc->int_bytes, error) ||
        !read_byte(reader, 4, 8, "the size of an offset", &toc->offset_bytes, error) ||
        !read_byte(reader, 0, 255, "the format", &reader->format, error))
        return false;
    return reader->format == FORMAT_CUSTOM || reader->format == FORMAT_TAR ||
           malformed(reader, error, "the format is %d, which is none of pg_dump's", reader->format);
}

static bool read_created(Reader *reader, Toc *toc, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(toc->created); i++) {
        if (!read_int(reader, -INT_MAX, INT_MAX, "the time", &toc->created[i], error))
            return false;
    }
    return true;
}

static bool read_header(Reader *reader, Toc *toc, GError **error)
{
    char magic[5];
    if (!take(reader, magic, sizeof magic, error))
        return false;
    if (memcmp(magic, "PGDMP", sizeof magic) != 0)
        return malformed(reader, error, "it does not begin as an archive of pg_dump does");
    return read_version(reader, toc, error) && read_format(reader, toc, error) &&
           (toc->minor >= 15
                ? read_byte(reader, 0, 3, "the compression", &toc->compression, error)
                : read_int(reader, -1, 9, "the compression", &toc->compression, error)) &&
           read_created(reader, toc, error) &&
           read_text(reader, "the database's name", &toc->database, error) &&
           read_text(reader, "the server's version", &toc->server_version, error) &&
           read_text(reader, "the version of pg_dump", &toc->dump_version, error);
}

/* ---- entries ---- */

static bool read_dependencies(Reader *reader, TocEntry *entry, GError **error)
{
    for (;;) {
        g_autofree char *text = NULL;
        guint64 number = 0;
        if (!read_text(reader, "a dependency", &text, error))
            return false;
        if (text == NULL)
            return true;
        if (text[0] == '0' || !g_ascii_string_to_unsigned(text, 10, 1, MAX_ID, &number, NULL))
            return malformed(reader, error, "a dependency is no id");
        if (entry->deps->len >= MAX_DEPENDENCIES)
            return malformed(reader, error, "it depends on more than %d others", MAX_DEPENDENCIES);
        const int id = (int)number;
        g_array_append_val(entry->deps, id);
    }
}

/* Where its data are: _ReadExtraToc() of pg_backup_custom.c and pg_backup_tar.c. */
static bool read_extra(Reader *reader, const Toc *toc, TocEntry *entry, GError **error)
{
    guint8 offset[8];
    int flag = 0;
    if (reader->format == FORMAT_TAR)
        return read_required(reader, "the file's name", &entry->file, error);
    return read_byte(reader, 1, 3, "the state of the offset", &flag, error) &&
           take(reader, offset, (size_t)toc->offset_bytes, error);
}

static bool read_entry(Reader *reader, const Toc *toc, TocEntry *entry, GError **error)
{
    int has_data = 0, section = 0;
    if (!read_int(reader, 1, MAX_ID, "the id", &entry->id, error) ||
        !read_int(reader, 0, 1, "whether it has data", &has_data, error) ||
        !read_oid(reader, "the catalog's OID", &entry->table_oid, error) ||
        !read_oid(reader, "the OID", &entry->oid, error) ||
        !read_required(reader, "the tag", &entry->tag, error) ||
        !read_required(reader, "the kind", &entry->desc, error) ||
        !read_int(reader, TOC_SECTION_NONE, TOC_POST_DATA, "the section", &section, error))
        return false;
    entry->has_data = has_data == 1;
    entry->section = (TocSection)section;
    return read_text(reader, "the definition", &entry->defn, error) &&
           read_text(reader, "the drop statement", &entry->drop, error) &&
           read_text(reader, "the copy statement", &entry->copy, error) &&
           read_text(reader, "the schema", &entry->schema, error) &&
           read_text(reader, "the tablespace", &entry->tablespace, error) &&
           read_text(reader, "the access method", &entry->access_method, error) &&
           (toc->minor < 16 ||
            read_int(reader, 0, 127, "the kind of relation", &entry->relkind, error)) &&
           read_text(reader, "the owner", &entry->owner, error) &&
           read_required(reader, "whether it has OIDs", &entry->with_oids, error) &&
           read_dependencies(reader, entry, error) && read_extra(reader, toc, entry, error);
}

static bool read_entries(Reader *reader, Toc *toc, GError **error)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(NULL, NULL);
    int entries = 0;
    if (!read_int(reader, 0, MAX_ENTRIES, "the number of entries", &entries, error))
        return false;
    reader->entries = entries;
    for (reader->entry = 1; reader->entry <= entries; reader->entry++) {
        TocEntry *entry = g_new0(TocEntry, 1);
        entry->deps = g_array_new(FALSE, FALSE, sizeof(int));
        g_ptr_array_add(toc->entries, entry);
        if (!read_entry(reader, toc, entry, error))
            return false;
        if (!g_hash_table_add(ids, GINT_TO_POINTER(entry->id)))
            return malformed(reader, error, "the id %d is there twice", entry->id);
    }
    return true;
}

Toc *toc_read(TocReadFunc read, gpointer source, GError **error)
{
    Reader reader = {.read = read, .source = source};
    g_autoptr(Toc) toc = g_new0(Toc, 1);
    toc->entries = g_ptr_array_new_with_free_func((GDestroyNotify)toc_entry_free);
    if (!read_header(&reader, toc, error) || !read_entries(&reader, toc, error))
        return NULL;
    return g_steal_pointer(&toc);
}

/* ---- from memory ---- */

typedef struct {
    const char *data;
    size_t size_bytes, at;
} Memory;

static bool read_memory(void *data, size_t size_bytes, gpointer source, GError **error)
{
    Memory *memory = source;
    if (size_bytes > memory->size_bytes - memory->at) {
        error_set(error, ERROR_INTEGRITY, "it ends after %zu bytes", memory->size_bytes);
        return false;
    }
    memcpy(data, memory->data + memory->at, size_bytes);
    memory->at += size_bytes;
    return true;
}

Toc *toc_parse(const void *data, size_t size_bytes, GError **error)
{
    Memory memory = {.data = data, .size_bytes = size_bytes};
    g_autoptr(Toc) toc = toc_read(read_memory, &memory, error);
    if (toc == NULL || memory.at == size_bytes)
        return g_steal_pointer(&toc);
    error_set(error, ERROR_INTEGRITY, "%zu bytes follow the table of contents",
              size_bytes - memory.at);
    return NULL;
}
