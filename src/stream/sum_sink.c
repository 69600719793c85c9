/* SHA-256 and length of what passes. */
#include "stream/sink.h"

typedef struct {
    Sink sink;
    HashStream *hash;
    uint64_t size_bytes;
    SinkSum *result;
} SumSink;

static bool sum_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    SumSink *sum = (SumSink *)sink;
    hash_stream_update(sum->hash, data, size_bytes);
    sum->size_bytes += size_bytes;
    return sink_write(sink->next, data, size_bytes, error);
}

static bool sum_commit(Sink *sink, GError **error)
{
    SumSink *sum = (SumSink *)sink;
    (void)error;
    sum->result->sha256 = hash_stream_end(sum->hash);
    sum->result->size_bytes = sum->size_bytes;
    return true;
}

static void sum_discard(Sink *sink)
{
    hash_stream_free(((SumSink *)sink)->hash);
}

Sink *sink_sum_new(Sink *next, SinkSum *result)
{
    static const SinkKind kind = {sum_write, sum_commit, sum_discard};
    SumSink *sum = g_new0(SumSink, 1);
    sum->sink.kind = &kind;
    sum->sink.next = next;
    sum->hash = hash_stream_new();
    sum->result = result;
    return &sum->sink;
}
