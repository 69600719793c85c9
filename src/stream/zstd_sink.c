/*
 * Compression with Zstandard.
 *
 * Small writes are collected first: each call of the codec has its price, and a row is small. What
 * a level would use beyond PLAIN_LEVEL is cut down by smaller windows and tables, so that a chain
 * stays below 8 MiB (measured with ZSTD_estimateCStreamSize_usingCParams: 5.7 MiB for level 6 as it
 * is, as much for 9 as it is here).
 */
#include "base/error.h"
#include "stream/sink.h"
#include <string.h>
#include <zstd.h>

#define COLLECT_BYTES ((size_t)256 * 1024)
#define PLAIN_LEVEL 6
#define WINDOW_LOG 20
#define TABLE_LOG 19

/* What costs time to make and can be used again by the next sink of the same thread. */
typedef struct {
    ZSTD_CCtx *context;
    int level;
    size_t out_bytes;
    char *out, *collected;
} Workshop;

typedef struct {
    Sink sink;
    Workshop *workshop;
    size_t n_collected;
} ZstdSink;

static void workshop_free(gpointer data)
{
    Workshop *workshop = data;
    (void)ZSTD_freeCCtx(workshop->context);
    g_free(workshop->out);
    g_free(workshop->collected);
    g_free(workshop);
}

/* One that is not in use; at most one for each thread. */
static GPrivate idle = G_PRIVATE_INIT(workshop_free);

static size_t set_parameters(ZSTD_CCtx *context, int level)
{
    size_t code = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    if (!ZSTD_isError(code))
        code = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    if (level <= PLAIN_LEVEL || ZSTD_isError(code))
        return code;
    code = ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, WINDOW_LOG);
    if (!ZSTD_isError(code))
        code = ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, TABLE_LOG);
    if (!ZSTD_isError(code))
        code = ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, TABLE_LOG);
    return code;
}

static Workshop *workshop_new(int level, GError **error)
{
    Workshop *workshop = g_new0(Workshop, 1);
    size_t code = 0;
    workshop->context = ZSTD_createCCtx();
    workshop->level = level;
    workshop->out_bytes = ZSTD_CStreamOutSize();
    workshop->out = g_malloc(workshop->out_bytes);
    workshop->collected = g_malloc(COLLECT_BYTES);
    if (workshop->context != NULL)
        code = set_parameters(workshop->context, level);
    if (workshop->context != NULL && !ZSTD_isError(code))
        return workshop;
    error_set(error, ERROR_FAILED, "cannot compress with Zstandard level %d: %s", level,
              workshop->context != NULL ? ZSTD_getErrorName(code) : "out of memory");
    workshop_free(workshop);
    return NULL;
}

static Workshop *workshop_take(int level, GError **error)
{
    Workshop *workshop = g_private_get(&idle);
    if (workshop == NULL || workshop->level != level)
        return workshop_new(level, error);
    g_private_set(&idle, NULL);
    return workshop;
}

static void workshop_give_back(Workshop *workshop)
{
    (void)ZSTD_CCtx_reset(workshop->context, ZSTD_reset_session_only);
    g_private_replace(&idle, workshop);
}

static bool compress(ZstdSink *zstd, const void *data, size_t size_bytes, ZSTD_EndDirective end,
                     GError **error)
{
    Workshop *workshop = zstd->workshop;
    ZSTD_inBuffer in = {data, size_bytes, 0};
    for (;;) {
        ZSTD_outBuffer out = {workshop->out, workshop->out_bytes, 0};
        const size_t left = ZSTD_compressStream2(workshop->context, &out, &in, end);
        if (ZSTD_isError(left)) {
            error_set(error, ERROR_FAILED, "Zstandard cannot compress: %s",
                      ZSTD_getErrorName(left));
            return false;
        }
        if (out.pos > 0 && !sink_write(zstd->sink.next, out.dst, out.pos, error))
            return false;
        if (end == ZSTD_e_end ? left == 0 : in.pos == in.size)
            return true;
    }
}

static bool compress_collected(ZstdSink *zstd, ZSTD_EndDirective end, GError **error)
{
    const size_t size_bytes = zstd->n_collected;
    zstd->n_collected = 0;
    return compress(zstd, zstd->workshop->collected, size_bytes, end, error);
}

static bool zstd_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    ZstdSink *zstd = (ZstdSink *)sink;
    if (size_bytes > COLLECT_BYTES - zstd->n_collected) {
        if (zstd->n_collected > 0 && !compress_collected(zstd, ZSTD_e_continue, error))
            return false;
        if (size_bytes > COLLECT_BYTES)
            return compress(zstd, data, size_bytes, ZSTD_e_continue, error);
    }
    memcpy(zstd->workshop->collected + zstd->n_collected, data, size_bytes);
    zstd->n_collected += size_bytes;
    return true;
}

static bool zstd_commit(Sink *sink, GError **error)
{
    return compress_collected((ZstdSink *)sink, ZSTD_e_end, error);
}

static void zstd_discard(Sink *sink)
{
    workshop_give_back(((ZstdSink *)sink)->workshop);
}

Sink *sink_zstd_new(Sink *next, int level, GError **error)
{
    static const SinkKind kind = {zstd_write, zstd_commit, zstd_discard};
    g_autoptr(Sink) behind = next;
    Workshop *workshop = workshop_take(level, error);
    ZstdSink *zstd = NULL;
    if (workshop == NULL)
        return NULL;
    zstd = g_new0(ZstdSink, 1);
    zstd->sink.kind = &kind;
    zstd->sink.next = g_steal_pointer(&behind);
    zstd->workshop = workshop;
    return &zstd->sink;
}
