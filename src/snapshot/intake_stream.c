#include "snapshot/intake_stream.h"

#include "base/error.h"
#include "base/interrupt.h"
#include <archive.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK_BYTES ((size_t)128 * 1024)

/* ---- a descriptor ---- */

typedef struct {
    Source source;
    int fd;
    char *what;
} Descriptor;

static bool wait_readable(int fd, GError **error)
{
    for (;;) {
        struct pollfd waits[] = {{.fd = fd, .events = POLLIN},
                                 {.fd = interrupt_fd(), .events = POLLIN}};
        if (interrupt_check(error))
            return false;
        if (poll(waits, G_N_ELEMENTS(waits), -1) > 0 && waits[0].revents != 0)
            return true;
    }
}

static bool descriptor_read(Source *source, void *data, size_t size_bytes, size_t *got,
                            GError **error)
{
    Descriptor *own = (Descriptor *)source;
    ssize_t count = -1;
    if (!wait_readable(own->fd, error))
        return false;
    do {
        count = read(own->fd, data, size_bytes);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        error_set_errno(error, errno, "cannot read '%s'", own->what);
        return false;
    }
    *got = (size_t)count;
    return true;
}

static void descriptor_clear(Source *source)
{
    Descriptor *own = (Descriptor *)source;
    if (own->fd >= 0)
        close(own->fd);
    g_free(own->what);
}

static const SourceKind descriptor_kind = {descriptor_read, descriptor_clear};

Source *intake_descriptor_new(int fd, const char *what)
{
    Descriptor *own = g_new0(Descriptor, 1);
    own->source.kind = &descriptor_kind;
    own->fd = fd;
    own->what = g_strdup(what);
    return &own->source;
}

/* ---- the beginning, looked at ---- */

typedef struct {
    Source source;
    char *head;
    size_t size, at;
    bool seen;
} Peek;

bool intake_peek(Source *peek, const char **head, size_t *size_bytes, GError **error)
{
    Peek *own = (Peek *)peek;
    while (!own->seen && own->size < INTAKE_HEAD_BYTES) {
        size_t got = 0;
        if (!source_read(own->source.next, own->head + own->size, INTAKE_HEAD_BYTES - own->size,
                         &got, error))
            return false;
        if (got == 0)
            break;
        own->size += got;
    }
    own->seen = true;
    *head = own->head;
    *size_bytes = own->size;
    return true;
}

static bool peek_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    Peek *own = (Peek *)source;
    const size_t kept = MIN(own->size - own->at, size_bytes);
    if (kept == 0)
        return source_read(own->source.next, data, size_bytes, got, error);
    memcpy(data, own->head + own->at, kept);
    own->at += kept;
    *got = kept;
    return true;
}

static void peek_clear(Source *source)
{
    g_free(((Peek *)source)->head);
}

static const SourceKind peek_kind = {peek_read, peek_clear};

Source *intake_peek_new(Source *next)
{
    Peek *own = g_new0(Peek, 1);
    own->source.kind = &peek_kind;
    own->source.next = next;
    own->head = g_malloc(INTAKE_HEAD_BYTES);
    return &own->source;
}

/* ---- gzip ---- */

typedef struct {
    Source source;
    z_stream zlib;
    bool between; /* no member is open */
    bool any;     /* one was */
    unsigned char *block;
} Gzip;

static bool gzip_damaged(const char *how, GError **error)
{
    error_set(error, ERROR_INTEGRITY, "the gzip data are %s", how);
    return false;
}

/* Bytes for zlib; *ended where there are no more. */
static bool gzip_fill(Gzip *own, bool *ended, GError **error)
{
    size_t got = 0;
    if (own->zlib.avail_in > 0)
        return true;
    if (!source_read(own->source.next, own->block, BLOCK_BYTES, &got, error))
        return false;
    own->zlib.next_in = own->block;
    own->zlib.avail_in = (unsigned)got;
    *ended = got == 0;
    return true;
}

/* A member follows another without a gap: pigz and cat make such files. */
static bool gzip_begin(Gzip *own, GError **error)
{
    if (own->any && *own->zlib.next_in != 0x1f)
        return gzip_damaged("followed by something else", error);
    own->between = false;
    if (own->any)
        (void)inflateReset(&own->zlib);
    own->any = true;
    return true;
}

static bool gzip_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    Gzip *own = (Gzip *)source;
    own->zlib.next_out = data;
    own->zlib.avail_out = (unsigned)MIN(size_bytes, BLOCK_BYTES);
    for (;;) {
        bool ended = false;
        if (!gzip_fill(own, &ended, error))
            return false;
        if (ended && own->between)
            return true; /* *got is 0 */
        if (ended)
            return gzip_damaged("torn", error);
        if (own->between && !gzip_begin(own, error))
            return false;
        const int state = inflate(&own->zlib, Z_NO_FLUSH);
        if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
            return gzip_damaged("damaged", error);
        own->between = state == Z_STREAM_END;
        *got = (size_t)((char *)own->zlib.next_out - (char *)data);
        if (*got > 0)
            return true;
    }
}

static void gzip_clear(Source *source)
{
    Gzip *own = (Gzip *)source;
    (void)inflateEnd(&own->zlib);
    g_free(own->block);
}

static const SourceKind gzip_kind = {gzip_read, gzip_clear};

static Source *gzip_new(Source *next)
{
    Gzip *own = g_new0(Gzip, 1);
    own->source.kind = &gzip_kind;
    own->source.next = next;
    own->block = g_malloc(BLOCK_BYTES);
    own->between = true;
    /* 16: a gzip header and trailer, whose checksum and length are compared. */
    if (inflateInit2(&own->zlib, 16 + MAX_WBITS) != Z_OK)
        g_error("cannot allocate memory for zlib");
    return &own->source;
}

/* ---- what libarchive decompresses ---- */

typedef struct {
    Source source;
    IntakeMagic compression;
    struct archive *archive;
    bool opened, ended;
    uint64_t given; /* bytes that libarchive was given */
    char *block;
    GError *cause; /* of a read that failed below libarchive */
} Decoder;

static la_ssize_t decoder_feed(struct archive *archive, void *data, const void **bytes)
{
    Decoder *own = data;
    size_t got = 0;
    if (own->cause != NULL ||
        !source_read(own->source.next, own->block, BLOCK_BYTES, &got, &own->cause)) {
        archive_set_error(archive, EIO, "cannot read");
        return ARCHIVE_FATAL;
    }
    own->given += got;
    *bytes = own->block;
    return (la_ssize_t)got;
}

static int support(struct archive *archive, IntakeMagic compression)
{
    switch (compression) {
    case MAGIC_ZSTD:
        return archive_read_support_filter_zstd(archive);
    case MAGIC_XZ:
        return archive_read_support_filter_xz(archive);
    case MAGIC_LZ4:
        return archive_read_support_filter_lz4(archive);
    default:
        return archive_read_support_filter_bzip2(archive);
    }
}

static bool decoder_damaged(Decoder *own, GError **error)
{
    const char *said = archive_error_string(own->archive);
    if (own->cause != NULL)
        g_propagate_error(error, g_steal_pointer(&own->cause));
    else
        error_set(error, ERROR_INTEGRITY, "the %s data are torn or damaged: %s",
                  intake_magic_name(own->compression), said != NULL ? said : "no reason given");
    return false;
}

static bool decoder_open(Decoder *own, GError **error)
{
    struct archive_entry *entry = NULL;
    own->opened = true;
    /* A warning means that libarchive would start a program for it. */
    if (support(own->archive, own->compression) != ARCHIVE_OK) {
        error_set(error, ERROR_CONFIG, "this libarchive cannot decompress %s",
                  intake_magic_name(own->compression));
        return false;
    }
    (void)archive_read_support_format_raw(own->archive);
    (void)archive_read_support_format_empty(own->archive);
    if (archive_read_open(own->archive, own, NULL, decoder_feed, NULL) != ARCHIVE_OK)
        return decoder_damaged(own, error);
    /* It peels off as many as it finds; one of them is "none". */
    if (archive_filter_count(own->archive) > 2) {
        const char *name = intake_magic_name(own->compression);
        error_set(error, ERROR_CONFIG, "it is compressed twice: %s in %s", name, name);
        error_hint_set(error, "decompress it once");
        return false;
    }
    const int state = archive_read_next_header(own->archive, &entry);
    own->ended = state == ARCHIVE_EOF;
    return state == ARCHIVE_OK || own->ended || decoder_damaged(own, error);
}

static bool decoder_end(Decoder *own, GError **error)
{
    char more = '\0';
    size_t got = 0;
    own->ended = true;
    if (!source_read(own->source.next, &more, 1, &got, error))
        return false;
    if (got == 0 && archive_filter_bytes(own->archive, -1) == (la_int64_t)own->given)
        return true;
    error_set(error, ERROR_INTEGRITY, "the %s data are followed by something else",
              intake_magic_name(own->compression));
    return false;
}

static bool decoder_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    Decoder *own = (Decoder *)source;
    la_ssize_t count = 0;
    if (!own->opened && !decoder_open(own, error))
        return false;
    if (own->ended)
        return true;
    count = archive_read_data(own->archive, data, size_bytes);
    if (count < 0)
        return decoder_damaged(own, error);
    *got = (size_t)count;
    return count > 0 || decoder_end(own, error);
}

static void decoder_clear(Source *source)
{
    Decoder *own = (Decoder *)source;
    archive_read_free(own->archive);
    g_clear_error(&own->cause);
    g_free(own->block);
}

static const SourceKind decoder_kind = {decoder_read, decoder_clear};

Source *intake_decode_new(Source *next, IntakeMagic compression)
{
    if (compression == MAGIC_GZIP)
        return gzip_new(next);
    Decoder *own = g_new0(Decoder, 1);
    own->source.kind = &decoder_kind;
    own->source.next = next;
    own->compression = compression;
    own->archive = archive_read_new();
    own->block = g_malloc(BLOCK_BYTES);
    return &own->source;
}

/* ---- encryption ---- */

Source *intake_decrypt_new(Source *next, const AgeIdentities *identities, GError **error)
{
    if (identities != NULL && !age_identities_are_none(identities))
        return source_age_new(next, "it", identities);
    source_free(next);
    error_set(error, ERROR_CONFIG, "it is encrypted with age");
    error_hint_set(error, "name the file with the secret key of one of its recipients: --identity "
                          "FILE; or with its passphrase: --passphrase-file FILE");
    return NULL;
}
