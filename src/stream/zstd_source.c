/* One Zstandard frame, decompressed. */
#include "base/error.h"
#include "stream/source.h"
#include <zstd.h>

#define WINDOW_LOG_MAX 27 /* 128 MiB */

typedef struct {
    Source source;
    char *what;
    ZSTD_DStream *stream;
    unsigned char *buffer;
    size_t buffer_bytes;
    ZSTD_inBuffer in;
    bool ended; /* the frame is complete */
} ZstdSource;

static bool set_damaged(const ZstdSource *zstd, GError **error, const char *how)
{
    error_set(error, ERROR_INTEGRITY, "%s cannot be decompressed: %s", zstd->what, how);
    return false;
}

/* More of what is compressed; *ended at its end. */
static bool fill(ZstdSource *zstd, bool *ended, GError **error)
{
    size_t got = 0;
    if (!source_read(zstd->source.next, zstd->buffer, zstd->buffer_bytes, &got, error))
        return false;
    zstd->in = (ZSTD_inBuffer){zstd->buffer, got, 0};
    *ended = got == 0;
    return true;
}

/* Behind the frame: the end of what is behind, which may have a word to say about it. */
static bool check_end(ZstdSource *zstd, GError **error)
{
    bool ended = false;
    if (zstd->in.pos < zstd->in.size)
        return set_damaged(zstd, error, "something follows its end");
    return fill(zstd, &ended, error) &&
           (ended || set_damaged(zstd, error, "something follows its end"));
}

static bool decompress(ZstdSource *zstd, ZSTD_outBuffer *out, GError **error)
{
    const size_t left = ZSTD_decompressStream(zstd->stream, out, &zstd->in);
    if (ZSTD_isError(left))
        return set_damaged(zstd, error, ZSTD_getErrorName(left));
    zstd->ended = left == 0;
    return true;
}

static bool read_zstd(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    ZstdSource *zstd = (ZstdSource *)source;
    ZSTD_outBuffer out = {data, size_bytes, 0};
    while (!zstd->ended && out.pos < out.size) {
        const size_t before = out.pos;
        bool ended = false;
        if (!decompress(zstd, &out, error))
            return false;
        if (zstd->ended || out.pos > before || zstd->in.pos < zstd->in.size)
            continue;
        if (!fill(zstd, &ended, error))
            return false;
        if (ended)
            return set_damaged(zstd, error, "it is torn");
    }
    *got = out.pos;
    return out.pos > 0 || check_end(zstd, error);
}

static void clear_zstd(Source *source)
{
    ZstdSource *zstd = (ZstdSource *)source;
    (void)ZSTD_freeDStream(zstd->stream);
    g_free(zstd->buffer);
    g_free(zstd->what);
}

Source *source_zstd_new(Source *next, const char *what, GError **error)
{
    static const SourceKind kind = {read_zstd, clear_zstd};
    ZstdSource *zstd = g_new0(ZstdSource, 1);
    g_autoptr(Source) source = &zstd->source;
    source->kind = &kind;
    source->next = next;
    zstd->what = g_strdup(what);
    zstd->stream = ZSTD_createDStream();
    zstd->buffer_bytes = ZSTD_DStreamInSize();
    zstd->buffer = g_malloc(zstd->buffer_bytes);
    if (zstd->stream == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(zstd->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        error_set(error, ERROR_FAILED, "cannot set up the decompression of %s", what);
        return NULL;
    }
    return g_steal_pointer(&source);
}
